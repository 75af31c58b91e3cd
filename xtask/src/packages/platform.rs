//! Converts a target triple to the names that npm has for the platform. The platform of a wheel is named by maturin.

use anyhow::{Context, Result, bail};

/// A platform for which packages can be made.
#[derive(Debug)]
pub struct Platform {
    pub triple: String,
    /// The operating system, in the words of Node's `process.platform`.
    pub os: &'static str,
    /// The processor, in the words of Node's `process.arch`.
    pub cpu: &'static str,
    /// The C library, on Linux only.
    pub libc: Option<&'static str>,
}

impl Platform {
    pub fn of(triple: &str) -> Result<Self> {
        let (arch, system) = triple.split_once('-').with_context(|| format!("{triple} is not a target triple"))?;
        let cpu = match arch {
            "x86_64" => "x64",
            "aarch64" => "arm64",
            _ => bail!("no package is made for the processor {arch}: add it to xtask/src/packages/platform.rs"),
        };
        let (os, libc) = match system {
            "unknown-linux-gnu" => ("linux", Some("glibc")),
            "unknown-linux-musl" => ("linux", Some("musl")),
            "apple-darwin" => ("darwin", None),
            "pc-windows-msvc" => ("win32", None),
            _ => bail!("no package is made for the system {system}: add it to xtask/src/packages/platform.rs"),
        };
        Ok(Self { triple: triple.to_owned(), os, cpu, libc })
    }

    /// Returns the file name of the program.
    pub fn program(&self) -> &'static str {
        if self.os == "win32" { "wecom-kf-sim.exe" } else { "wecom-kf-sim" }
    }
}
