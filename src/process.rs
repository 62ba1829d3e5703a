//! What a process takes, as Linux tells it in `/proc`; elsewhere nobody tells.

/// The most memory that was in use so far, bytes; `None` where nobody tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PeakMemory {
    /// Of the host, by this process.
    pub host_bytes: Option<u64>,
    /// Of a GPU, by all that runs there.
    pub gpu_bytes: Option<u64>,
}

impl PeakMemory {
    /// What the system tells of the host.
    pub fn of_host() -> Self {
        Self { host_bytes: memory_bytes("self", "VmHWM"), gpu_bytes: None }
    }
}

/// Memory of a process, which is a number or `self`, bytes: `VmRSS` is what is held now, `VmHWM` the
/// most that ever was.
pub fn memory_bytes(process: &str, what: &str) -> Option<u64> {
    bytes_of(&std::fs::read_to_string(format!("/proc/{process}/status")).ok()?, what)
}

/// The bytes behind a name in `/proc/*/status`.
fn bytes_of(status: &str, what: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_by_its_name() {
        let status = "Name:\tscenellm\nVmHWM:\t  5120 kB\nVmRSS:\t  4096 kB\nThreads:\t3\n";
        assert_eq!(bytes_of(status, "VmHWM"), Some(5 << 20));
        assert_eq!(bytes_of(status, "VmRSS"), Some(4 << 20));
        for nothing in ["VmSwap", "Vm", "Threads", "Name"] {
            assert_eq!(bytes_of(status, nothing), None, "{nothing}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_once_held_what_it_holds() {
        let held = memory_bytes("self", "VmRSS").unwrap();
        let most = PeakMemory::of_host().host_bytes.unwrap();
        assert!(held > 0 && most >= held, "{most} at most, {held} now");
        assert_eq!(memory_bytes("nobody", "VmRSS"), None);
    }
}
