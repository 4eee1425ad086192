use super::model;
use crate::abi::BODY_BYTES;
use crate::testing::body::Register;
use crate::testing::far::header;
use crate::testing::{Call, Model};

const EXCLUSIVE: u64 = 0x800;

fn errno(result: std::io::Result<impl std::fmt::Debug>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

fn register(model: &Model, name: &str, register: Register) -> (i32, Register) {
    let control = model.kernel().open().unwrap();
    let mut body = [0; BODY_BYTES];
    register.write(&mut body);
    let result = control.request(&mut header(1, name), &mut body);
    (
        result.map_or_else(|it| it.raw_os_error().unwrap(), |()| 0),
        Register::read(&body),
    )
}

#[test]
fn rings_can_be_exclusive() {
    let model = model();
    model.wire(["em0", "em1"], 2, 64);
    let first = model.port_with("em0", 1, EXCLUSIVE).unwrap();
    assert_eq!(errno(model.port("em0")), libc::EBUSY);
    let _host = model.port_with("em0", 2, 0).unwrap();
    drop(first);
    let _shared = [model.port("em0").unwrap(), model.port("em0").unwrap()];
    assert_eq!(errno(model.port_with("em0", 1, EXCLUSIVE)), libc::EBUSY);
}

#[test]
fn a_descriptor_is_bound_once() {
    let model = model();
    let control = model.kernel().open().unwrap();
    let mut body = [0; BODY_BYTES];
    let wanted = Register {
        mode: 1,
        ..Register::default()
    };
    wanted.write(&mut body);
    control
        .request(&mut header(1, "vale0:a"), &mut body)
        .unwrap();
    assert_eq!(
        errno(control.request(&mut header(1, "vale0:a"), &mut body)),
        libc::EBUSY
    );
    assert_eq!(
        errno(model.kernel().open().unwrap().transmit_sync()),
        libc::ENXIO
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let model = model();
    let of = |mode, ring| Register {
        mode,
        ring,
        ..Register::default()
    };
    assert_eq!(register(&model, "em7", of(1, 0)).0, libc::ENXIO);
    assert_eq!(
        register(&model, "vale0:a", of(2, 0)).0,
        libc::EINVAL,
        "no host rings"
    );
    assert_eq!(
        register(&model, "vale0:a", of(4, 1)).0,
        libc::EINVAL,
        "no such ring"
    );
    assert_eq!(
        register(&model, "vale0:a", of(0, 0)).0,
        libc::EINVAL,
        "no such mode"
    );
    assert_eq!(
        register(&model, "vale0", of(1, 0)).0,
        libc::ENOMEM,
        "no port"
    );
    assert_eq!(
        register(
            &model,
            "vale0:a",
            Register {
                memory: 77,
                ..of(1, 0)
            }
        )
        .0,
        libc::EINVAL
    );
    assert_eq!(register(&model, "vale0:a{1", of(3, 0)).0, libc::EINVAL);
}

#[test]
fn the_answer_describes_the_port() {
    let model = model();
    let wanted = Register {
        mode: 1,
        transmit_slots: 100,
        receive_slots: 77,
        receive_rings: 40,
        extra_buffers: 5,
        ..Register::default()
    };
    let (errno, got) = register(&model, "vale0:a", wanted);
    assert_eq!(errno, 0);
    assert_eq!((got.transmit_slots, got.receive_slots), (100, 77));
    assert_eq!((got.transmit_rings, got.receive_rings), (1, 16));
    assert_eq!((got.host_transmit_rings, got.extra_buffers), (0, 5));
    assert!(got.memory > 1 && got.memory_size % 4096 == 0);
}

#[test]
fn headers_have_three_lengths_and_have_to_be_accepted() {
    let model = model();
    let a = model.port("vale0:a").unwrap();
    assert_eq!(errno(a.set_header("vale0:a", 11)), libc::EINVAL);
    assert_eq!(errno(a.set_header("vale0:b", 12)), libc::ENXIO);
    assert_eq!(errno(a.set_header("em0", 12)), libc::ENXIO);
    a.set_header("vale0:a", 12).unwrap();
    let plain = Register {
        mode: 1,
        ..Register::default()
    };
    assert_eq!(register(&model, "vale0:a", plain).0, libc::EIO);
    assert_eq!(
        register(
            &model,
            "vale0:a",
            Register {
                flags: 0x8000,
                ..plain
            }
        )
        .0,
        0
    );
}

#[test]
fn calls_are_counted_and_fail_when_they_are_to() {
    let model = model();
    model.fail(Call::Open, 1, 2, libc::ENFILE);
    let open = || model.kernel().open().map(drop);
    assert!(open().is_ok());
    assert_eq!(errno(open()), libc::ENFILE);
    assert_eq!(errno(open()), libc::ENFILE);
    assert!(open().is_ok());
    assert_eq!(model.counts().opened, 4);
    let _far = model.port("vale0:a").unwrap();
    assert_eq!(model.counts().requests, 0);
}

#[test]
fn all_memory_comes_back() {
    let model = model();
    model.wire(["em0", "em1"], 4, 256);
    for _ in 0..20 {
        let _ports = [
            model.port_with("em0", 3, 0).unwrap(),
            model.port("em1").unwrap(),
            model.port("em0{1").unwrap(),
            model.port("em0}1").unwrap(),
            model.port_with("em0", 1, 0x400).unwrap(),
        ];
    }
    let _em0 = model.port("em0").unwrap();
}
