use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use super::bench::Bench;
use super::cases::{self, Case};
use super::{Failure, Rig};

/// Runs the cases that apply to each rig, as the arguments of the program say; returns what `main` returns.
pub fn main(rigs: Vec<Box<dyn Rig>>) -> ExitCode {
    let arguments = Arguments::from_args();
    let alone = Arc::new(RwLock::new(()));
    let trials = rigs
        .into_iter()
        .flat_map(|rig| trials(rig, &alone))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A rig, and what its cases share.
struct Stand {
    rig: Box<dyn Rig>,
    /// Why it is not available, once that is known.
    unavailable: OnceLock<String>,
    required: bool,
    /// Held by the cases of a rig that is serial.
    turn: Mutex<()>,
    /// Held exclusively by cases that look at the whole process.
    alone: Arc<RwLock<()>>,
}

fn trials(rig: Box<dyn Rig>, alone: &Arc<RwLock<()>>) -> Vec<Trial> {
    let stand = Arc::new(Stand {
        required: required(rig.group(), std::env::var("NET_BACKEND_REQUIRE").ok()),
        rig,
        unavailable: OnceLock::new(),
        turn: Mutex::new(()),
        alone: Arc::clone(alone),
    });
    let traits = stand.rig.traits();
    cases::all()
        .filter(|case| (case.needs)(&traits))
        .map(|case| {
            let stand = Arc::clone(&stand);
            let name = format!("{}/{}", stand.rig.name(), case.name);
            Trial::ignorable_test(name, move || stand.run(case))
        })
        .collect()
}

/// Whether the groups in `NET_BACKEND_REQUIRE` include this one.
fn required(group: &str, groups: Option<String>) -> bool {
    let groups = groups.unwrap_or_default();
    let mut groups = groups.split(',').map(str::trim);
    groups.any(|name| name == "all" || name == group)
}

impl Stand {
    fn run(&self, case: &Case) -> Result<Completion, Failed> {
        // A case that fails poisons nothing: there is no data behind these locks.
        let (_shared, _exclusive) = if case.alone {
            let guard = self.alone.write().unwrap_or_else(PoisonError::into_inner);
            (None, Some(guard))
        } else {
            let guard = self.alone.read().unwrap_or_else(PoisonError::into_inner);
            (Some(guard), None)
        };
        let turn = self.rig.traits().serial.then_some(&self.turn);
        let _turn = turn.map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        match self.attempt(case) {
            Ok(()) => Ok(Completion::Completed),
            Err(failure) if failure.is_not_applicable() => {
                Ok(Completion::ignored_with(failure.message()))
            }
            Err(failure) if failure.is_unavailable() => self.not_here(failure.message()),
            Err(failure) => Err(failure.message().into()),
        }
    }

    fn attempt(&self, case: &Case) -> Result<(), Failure> {
        if let Some(reason) = self.unavailable.get() {
            return Err(Failure::unavailable(reason));
        }
        (case.run)(&mut Bench::open(&*self.rig)?)
    }

    fn not_here(&self, reason: &str) -> Result<Completion, Failed> {
        let reason = self.unavailable.get_or_init(|| reason.to_owned());
        if self.required {
            return Err(format!("required, and not available: {reason}").into());
        }
        Ok(Completion::ignored_with(format!("not available: {reason}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Opened, RigTraits};

    struct Absent;

    impl Rig for Absent {
        fn name(&self) -> &str {
            "absent/here"
        }

        fn traits(&self) -> RigTraits {
            RigTraits::default()
        }

        fn open(&self) -> Result<Opened, Failure> {
            Err(Failure::unavailable("/dev/net/tun: Permission denied"))
        }
    }

    fn run_absent(required: bool) -> Result<Completion, Failed> {
        let stand = Stand {
            rig: Box::new(Absent),
            unavailable: OnceLock::new(),
            required,
            turn: Mutex::new(()),
            alone: Arc::default(),
        };
        stand.run(cases::all().next().unwrap())
    }

    #[test]
    fn what_is_not_available_is_ignored_unless_required() {
        assert!(run_absent(false).is_ok());
        let failed = run_absent(true).err().unwrap();
        assert_eq!(
            failed.message(),
            Some("required, and not available: /dev/net/tun: Permission denied")
        );
    }

    #[test]
    fn requires_groups_by_name_or_all_of_them() {
        let required = |groups: &str| required("tap", Some(groups.to_owned()));
        assert!(required("tap"));
        assert!(required("null, tap"));
        assert!(required("all"));
        assert!(!required("tapestry"));
        assert!(!required(""));
    }
}
