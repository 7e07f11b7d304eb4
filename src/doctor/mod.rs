//! What a host should be told before a tracker runs on it: what it limits, and the command that changes that.
//!
//! The host is looked at once, into a [`Host`]; what follows from that and the configuration is [`examine`]d without asking
//! it again.

mod findings;
mod host;

use std::io;
use std::path::Path;

use crate::config::Config;

pub use findings::{Finding, Verdict, examine};
pub use host::{Conntrack, Host};

/// Looks at this host, and says what follows for a tracker with this configuration.
pub fn consult(config: &Config) -> Vec<Finding> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let interfaces = interfaces.into_iter().map(|interface| (interface.name.clone(), interface.ip())).collect();
    let ports: Vec<_> = findings::udp_ports(config).into_iter().collect();
    examine(config, &Host::look(Path::new("/proc"), interfaces, &ports))
}

/// Prints the findings, one below the other; returns whether there is nothing to advise.
///
/// # Errors
///
/// Those of the output.
pub fn print(findings: &[Finding], out: &mut impl io::Write) -> io::Result<bool> {
    for Finding { verdict, subject, says, commands } in findings {
        writeln!(out, "{:<8}{subject:<16}{says}", verdict.word())?;
        commands.iter().try_for_each(|command| writeln!(out, "{:26}{command}", ""))?;
    }
    if findings.iter().flat_map(|finding| &finding.commands).any(|command| command.starts_with("sysctl -w ")) {
        writeln!(
            out,
            "sysctl -w holds until the next start of the host; lines in /etc/sysctl.d/60-chihaya.conf hold beyond."
        )?;
    }
    Ok(findings.iter().all(|finding| finding.verdict != Verdict::Advice))
}

#[cfg(test)]
mod tests;
