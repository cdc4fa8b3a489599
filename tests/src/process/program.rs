//! Where the programs are, and that they are those of today's sources.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

/// One of the project's two programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// `hub-server`.
    Hub,
    /// `van-agent`.
    Van,
}

impl Program {
    /// The name of the program's file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hub => "hub-server",
            Self::Van => "van-agent",
        }
    }

    /// The program's file, built before if it is older than its sources.
    pub fn path(self) -> PathBuf {
        static FOLDER: OnceLock<PathBuf> = OnceLock::new();
        FOLDER.get_or_init(built_programs).join(format!("{}{}", self.name(), std::env::consts::EXE_SUFFIX))
    }
}

/// The folder that holds the programs: the one that this very test was built into.
fn built_programs() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let below = test.parent().expect("a file is in a folder");
    let in_deps = below.file_name().is_some_and(|name| name == "deps" || name == "examples");
    let folder = if in_deps { below.parent().expect("deps is in a folder") } else { below };
    let sources = newest_source();
    let stale = [Program::Hub, Program::Van].iter().any(|program| {
        let file = folder.join(format!("{}{}", program.name(), std::env::consts::EXE_SUFFIX));
        file.metadata().and_then(|metadata| metadata.modified()).ok() < sources
    });
    if stale {
        build_programs(folder);
    }
    folder.to_owned()
}

/// When a source of the programs was last written; None if there is no source tree.
fn newest_source() -> Option<SystemTime> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let mut open: Vec<_> = ["shared", "van-agent", "hub-server"].map(|member| root.join(member)).into();
    let mut newest = root.join("Cargo.lock").metadata().and_then(|metadata| metadata.modified()).ok();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                open.push(entry.path());
            } else {
                newest = newest.max(metadata.modified().ok());
            }
        }
    }
    newest
}

/// Builds as `scripts/test` does, so that nothing is compiled twice.
fn build_programs(folder: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target = folder.parent().expect("a profile's folder is in the target folder");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--workspace", "--all-targets", "--locked", "--quiet", "--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .status();
    assert!(status.is_ok_and(|status| status.success()), "the programs do not build");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_are_built() {
        assert!(Program::Hub.path().is_file() && Program::Van.path().is_file());
    }
}
