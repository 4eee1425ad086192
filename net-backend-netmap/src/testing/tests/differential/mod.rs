//! The same user program on the model and on the real kernel. Where there is no real kernel nothing is compared.

mod program;
mod scripts;

use program::Program;

use crate::gate::Kernel;
use crate::sys::SystemKernel;
use crate::testing::{Model, Polling, Settings};

type Script = fn(&mut Program<'_>);

fn compare(script: Script) {
    let settings = Settings {
        shared_buffers: 163_840,
        // Nothing moves between synchronisations.
        polling: Polling::OnlyWakes,
        ..Settings::default()
    };
    let model = Model::new(settings).unwrap();
    let expected = Program::run(model.kernel().as_ref(), script);
    if let Err(error) = SystemKernel.open() {
        let required = std::env::var("NET_BACKEND_REQUIRE").unwrap_or_default();
        let mut required = required.split(',').map(str::trim);
        let is_required = required.any(|group| group == "netmap" || group == "all");
        assert!(!is_required, "no netmap kernel: {error}");
        println!("skipped: no netmap kernel to compare with: {error}");
        return;
    }
    let found = Program::run(&SystemKernel, script);
    let mut differences = 0;
    for (line, (model, real)) in expected.iter().zip(&found).enumerate() {
        if model != real {
            println!("{line}: model {model}\n{line}: real  {real}");
            differences += 1;
        }
    }
    assert_eq!((differences, expected.len()), (0, found.len()));
}

macro_rules! scripts {
    ($($group:ident: $($script:ident),*;)*) => {$($(
        #[test]
        fn $script() {
            let _one_at_a_time = program::turn();
            compare(scripts::$group::$script);
        }
    )*)*};
}

scripts! {
    requests: refusals, information, lists, interfaces, zombie_interfaces, memory_numbers;
    layouts: layout, private_layout, rings, extra_buffers;
    switches: vale, wrong_pointers, wrong_slots, several_slots;
    offloads: headers, super_frames;
    pipes: pipes, exchanged_buffers, full_pipes, broken_pipes, monitors;
}
