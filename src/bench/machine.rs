//! What the kernel counts for a process: CPU, memory, bytes written. Linux only. Never asks the process. Enter at
//! [`Process`].

use std::path::PathBuf;

/// A process by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(u32);

impl Process {
    pub fn own() -> Self {
        Self(std::process::id())
    }

    pub fn of(child: &tokio::process::Child) -> Result<Self, String> {
        child.id().map(Self).ok_or_else(|| "the process has ended".to_owned())
    }

    /// CPU of all threads until now.
    pub fn cpu_ms(self) -> Result<f64, String> {
        let lost = |error: std::io::Error| format!("/proc/{}/task: {error}; the figures need Linux", self.0);
        let mut nanoseconds = 0.0;
        for thread in std::fs::read_dir(self.file("task")).map_err(lost)? {
            let text =
                std::fs::read_to_string(thread.map_err(lost)?.path().join("schedstat")).unwrap_or_default();
            nanoseconds +=
                text.split(' ').next().and_then(|word| word.parse::<f64>().ok()).unwrap_or_default();
        }
        Ok(nanoseconds / 1e6)
    }

    /// Memory that it has now, mebibytes.
    pub fn memory_mb(self) -> Result<f64, String> {
        Ok(self.number("status", "VmRSS")? / 1024.0)
    }

    /// The most memory that it had, mebibytes.
    pub fn peak_mb(self) -> Result<f64, String> {
        Ok(self.number("status", "VmHWM")? / 1024.0)
    }

    /// From now on the peak counts anew; where that is not permitted, it only grows.
    pub fn forget_peak(self) {
        let _ = std::fs::write(self.file("clear_refs"), "5");
    }

    /// Bytes that it sent to the disk until now.
    pub fn written_bytes(self) -> Result<f64, String> {
        self.number("io", "write_bytes")
    }

    fn file(self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.0).into()
    }

    /// The number behind a name in one of its files.
    fn number(self, file: &str, name: &str) -> Result<f64, String> {
        let path = self.file(file);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.ok_or_else(|| format!("no {name} in {}", path.display()))
    }
}
