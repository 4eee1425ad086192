use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use super::bench::Bench;
use super::cases::{self, Case};
use super::{Failure, Rig, Suite, Verdict};

/// Runs the cases that apply to each rig, as the arguments of the program say, and ends with a line for each rig;
/// returns what `main` returns.
pub fn main(rigs: Vec<Box<dyn Rig>>) -> ExitCode {
    if let Some(code) = cases::as_child(&rigs) {
        return code;
    }
    let alone = Arc::new(RwLock::new(()));
    let mut suite = Suite::new();
    for rig in rigs {
        add(&mut suite, rig, &alone);
    }
    suite.run()
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

fn add(suite: &mut Suite, rig: Box<dyn Rig>, alone: &Arc<RwLock<()>>) {
    let stand = Arc::new(Stand {
        required: is_required(rig.group()),
        rig,
        unavailable: OnceLock::new(),
        turn: Mutex::new(()),
        alone: Arc::clone(alone),
    });
    let traits = stand.rig.traits();
    for case in cases::all().filter(|case| (case.needs)(&traits)) {
        let stand = Arc::clone(&stand);
        let name = stand.rig.name().to_owned();
        suite.add(&name, case.name, move || stand.run(case));
    }
}

/// Whether `NET_BACKEND_REQUIRE` says that this group of rigs has to be available.
pub fn is_required(group: &str) -> bool {
    required(group, std::env::var("NET_BACKEND_REQUIRE").ok())
}

/// Whether the groups in `NET_BACKEND_REQUIRE` include this one.
fn required(group: &str, groups: Option<String>) -> bool {
    let groups = groups.unwrap_or_default();
    let mut groups = groups.split(',').map(str::trim);
    groups.any(|name| name == "all" || name == group)
}

impl Stand {
    fn run(&self, case: &Case) -> Verdict {
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
            Ok(()) => Verdict::Passed,
            Err(failure) if failure.is_not_applicable() => {
                Verdict::NotRun(failure.message().to_owned())
            }
            Err(failure) if failure.is_unavailable() => self.not_here(failure.message()),
            Err(failure) => Verdict::Failed(failure.message().to_owned()),
        }
    }

    fn attempt(&self, case: &Case) -> Result<(), Failure> {
        if let Some(reason) = self.unavailable.get() {
            return Err(Failure::unavailable(reason));
        }
        (case.run)(&mut Bench::open(&*self.rig)?)
    }

    fn not_here(&self, reason: &str) -> Verdict {
        let reason = self.unavailable.get_or_init(|| reason.to_owned());
        if self.required {
            return Verdict::Failed(format!("required, and not available: {reason}"));
        }
        Verdict::NotRun(format!("not available: {reason}"))
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

    fn run_absent(required: bool) -> Verdict {
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
        let reason = "not available: /dev/net/tun: Permission denied";
        assert_eq!(run_absent(false), Verdict::NotRun(reason.to_owned()));
        let failed = Verdict::Failed(format!("required, and {reason}"));
        assert_eq!(run_absent(true), failed);
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
