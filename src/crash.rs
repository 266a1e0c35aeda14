//! What a crash leaves behind: no image of the memory, which holds secrets.

/// Sees to it that this process never leaves a core file, and that no other process of the user can
/// read its memory. A system that refuses, or does not know it, is no reason not to work.
///
/// The commands that are started inherit the limit of 0; only the soft one is set, so `ulimit -c`
/// gives it back to who needs it.
#[cfg(unix)]
pub fn leave_no_core() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Core).maximum;
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    // Where the system hands cores to a program, the limit alone does not count.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Windows keeps no image of a process that ended, unless its owner set that up.
#[cfg(not(unix))]
pub fn leave_no_core() {}
