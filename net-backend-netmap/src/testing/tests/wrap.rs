use super::{frame, model};
use crate::abi::BODY_BYTES;
use crate::testing::Model;
use crate::testing::body::Register;
use crate::testing::far::header;

fn request(model: &Model, kind: u16, name: &str, mode: u32) -> i32 {
    let control = model.kernel().open().unwrap();
    let wishes = Register {
        mode,
        ..Register::default()
    };
    let mut body = [0; BODY_BYTES];
    wishes.write(&mut body);
    let result = control.request(&mut header(kind, name), &mut body);
    result.map_or_else(|error| error.raw_os_error().unwrap(), |()| 0)
}

#[test]
fn an_interface_can_be_in_a_switch() {
    let model = model();
    model.wire(["em0", "em1"], 2, 64);
    assert_eq!(request(&model, 3, "vale0:em0", 0), libc::EINVAL);
    assert_eq!(request(&model, 3, "vale0:em0", 1), 0);
    assert_eq!(request(&model, 3, "vale0:em0", 1), libc::EBUSY);
    assert_eq!(
        model.port("em0").unwrap_err().raw_os_error(),
        Some(libc::EBUSY)
    );
    assert_eq!(
        model.port("vale0:em0").unwrap_err().raw_os_error(),
        Some(libc::EBUSY)
    );
    let inside = model.port("vale0:a").unwrap();
    let outside = model.port("em1").unwrap();
    inside.send(&frame(2, 1, 60)).unwrap();
    assert_eq!(outside.receive().unwrap(), Some(frame(2, 1, 60)));
    outside.send(&frame(1, 2, 1500)).unwrap();
    assert_eq!(inside.receive().unwrap(), Some(frame(1, 2, 1500)));
    assert_eq!(request(&model, 4, "vale0:em0", 0), 0);
    assert_eq!(request(&model, 4, "vale0:em0", 0), libc::ENXIO);
    inside.send(&frame(2, 1, 60)).unwrap();
    assert_eq!(outside.receive().unwrap(), None);
    assert!(model.port("em0").is_ok());
}

#[test]
fn the_host_can_come_along() {
    let model = model();
    model.wire(["em0", "em1"], 1, 64);
    assert_eq!(request(&model, 3, "vale0:em0", 3), 0);
    let inside = model.port("vale0:a").unwrap();
    assert!(model.host_send("em0", 0, &frame(1, 9, 60)).unwrap());
    assert_eq!(inside.receive().unwrap(), Some(frame(1, 9, 60)));
    inside.send(&frame(9, 1, 60)).unwrap();
    assert_eq!(model.host_receive("em0").unwrap(), Some(frame(9, 1, 60)));
    let used = model.port("em1").unwrap();
    assert_eq!(request(&model, 3, "vale0:em1", 1), libc::EBUSY);
    drop(used);
}
