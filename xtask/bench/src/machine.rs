//! The facts of this machine, without which a figure says nothing.

use std::fs;
use std::process::Command;

/// Name and value of each fact.
pub fn facts() -> Vec<(&'static str, String)> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field(&meminfo, "MemTotal").and_then(|kb| kb.split(' ').next()?.parse().ok());
    vec![
        ("cpu", field(&cpuinfo, "model name").unwrap_or("unknown").to_owned()),
        ("cores", cores.to_string()),
        ("memory", crate::figure::human(memory.unwrap_or(0.0) * 1024.0, "B")),
        ("kernel", first_line(&["uname", "-sr"])),
        ("rustc", first_line(&["rustc", "--version"])),
        ("system load at start", loadavg()),
    ]
}

/// The memory that this process holds now, in bytes.
pub fn resident_bytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = field(&status, "VmRSS").and_then(|v| v.split(' ').next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) * 1024.0
}

fn loadavg() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

fn first_line(command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    text.unwrap_or_default().lines().next().unwrap_or("unknown").to_owned()
}

/// The value of the first `name: value` line.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let line =
        text.lines().find(|line| line.split(':').next().is_some_and(|n| n.trim() == name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 85\nmodel name\t: Some CPU @ 2.5GHz\n";
        assert_eq!(field(text, "model name"), Some("Some CPU @ 2.5GHz"));
        assert_eq!(field(text, "mode"), None);
    }

    #[test]
    fn this_process_holds_memory() {
        assert!(resident_bytes() > 100_000.0);
    }
}
