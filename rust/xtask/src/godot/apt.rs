//! Debian's packages without touching the system: apt with a state of its own, no root needed.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::files::on_path;
use crate::{process, workspace};

/// The Debian release whose Godot is used: the first with a Godot 4.4 or newer.
pub(crate) const RELEASE: &str = "forky";

/// Where Debian's own package puts the keys that its archives are signed with.
const KEYRINGS: &[&str] = &[
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/usr/share/keyrings/debian-archive-keyring.gpg",
];

/// More than a slow connection needs; apt has its own limit for a server that does not respond.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(2 * 60 * 60);
const LOCAL_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Says what is missing if this system cannot unpack Debian's packages.
pub(crate) fn check_system() -> Result<()> {
    if !cfg!(target_os = "linux")
        || ["apt-get", "dpkg"]
            .iter()
            .any(|name| on_path(name).is_none())
    {
        bail!("fetching works on Debian alone (it needs apt-get and dpkg)");
    }
    Ok(())
}

/// Which machines the packages are for, by Debian's name.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Architecture {
    /// This machine's own.
    Own,
    /// Arm's 64-bit processors.
    Arm64,
}

/// Downloads the packages and all that they depend on; what `folder` holds of them already is kept.
pub(crate) fn download(
    folder: &Path,
    packages: &[&str],
    architecture: Architecture,
) -> Result<Vec<PathBuf>> {
    let apt = Apt::set_up(folder, RELEASE, architecture)?;
    apt.update()?;
    // Versions that Debian has replaced since an earlier, interrupted download.
    apt.get(["autoclean"])?;
    workspace::step("Downloading the packages (an interrupted download is continued)");
    apt.get(
        ["--yes", "--download-only", "install"]
            .iter()
            .chain(packages),
    )?;
    apt.downloaded()
}

/// Downloads the packages themselves, without what they depend on.
pub(crate) fn download_alone(
    folder: &Path,
    packages: &[&str],
    architecture: Architecture,
) -> Result<Vec<PathBuf>> {
    download_alone_of(RELEASE, folder, packages, architecture)
}

/// As [`download_alone`], from another release of Debian.
pub(crate) fn download_alone_of(
    release: &str,
    folder: &Path,
    packages: &[&str],
    architecture: Architecture,
) -> Result<Vec<PathBuf>> {
    let apt = Apt::set_up(folder, release, architecture)?;
    apt.update()?;
    workspace::step(&format!("Downloading {}", packages.join(", ")));
    apt.get(["download"].iter().chain(packages))?;
    apt.downloaded()
}

/// Unpacks the packages into one folder; their installation scripts are not run.
pub(crate) fn unpack(packages: &[PathBuf], root: &Path) -> Result<()> {
    for (done, package) in packages.iter().enumerate() {
        if done % 30 == 0 {
            workspace::step(&format!("Unpacking packages, {done} of {}", packages.len()));
        }
        let mut command = Command::new("dpkg");
        command.arg("--extract").arg(package).arg(root);
        let finished = process::run(command, LOCAL_LIMIT)?;
        if !finished.succeeded() {
            bail!(
                "{} cannot be unpacked: {}",
                package.display(),
                finished.tail()
            );
        }
    }
    Ok(())
}

struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn set_up(folder: &Path, release: &str, architecture: Architecture) -> Result<Self> {
        let mirror = mirror()?;
        let keyring = KEYRINGS.iter().find(|path| Path::new(path).is_file()).context(
            "the keys of Debian's archive are not on this machine; install the package debian-archive-keyring",
        )?;
        let apt = Self {
            folder: folder.to_path_buf(),
        };
        fs::create_dir_all(folder.join("state/lists/partial"))?;
        fs::create_dir_all(apt.archives().join("partial"))?;
        fs::write(folder.join("state/status"), "")?;
        let source = format!("deb [signed-by={keyring} target=Packages] {mirror} {release} main\n");
        fs::write(folder.join("sources.list"), source)?;
        fs::write(apt.settings(), settings(folder, architecture)?)?;
        Ok(apt)
    }

    fn update(&self) -> Result<()> {
        workspace::step("Reading Debian's list of packages");
        self.get(["update", "-o", "APT::Update::Error-Mode=any"])
    }

    fn downloaded(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.archives())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                found.push(path);
            }
        }
        Ok(found)
    }

    fn settings(&self) -> PathBuf {
        self.folder.join("apt.conf")
    }

    fn archives(&self) -> PathBuf {
        self.folder.join("archives")
    }

    fn get<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<()> {
        let mut command = Command::new("apt-get");
        command
            .env("LC_ALL", "C")
            // `apt-get download` puts files there.
            .current_dir(self.archives())
            .arg("--config-file")
            .arg(self.settings())
            .args(arguments);
        let mut progress = Progress::default();
        let finished =
            process::start(command, None)?.follow(DOWNLOAD_LIMIT, |line| progress.show(line))?;
        if !finished.succeeded() {
            // Without the progress lines.
            let said: Vec<&str> = finished
                .lines
                .iter()
                .map(String::as_str)
                .filter(|line| !line.starts_with(Progress::PREFIX))
                .collect();
            let tail = said[said.len().saturating_sub(10)..].join("\n");
            bail!("apt-get failed ({}):\n{tail}", finished.end());
        }
        Ok(())
    }
}

/// Settings that keep apt inside `folder`. They are read after the system's settings, whose proxy stays in force.
fn settings(folder: &Path, architecture: Architecture) -> Result<String> {
    let folder = folder
        .to_str()
        .context("the cache folder's name is not UTF-8")?;
    let architecture = match architecture {
        Architecture::Own => "",
        Architecture::Arm64 => "APT::Architecture \"arm64\";\n",
    };
    Ok(format!(
        r#"{architecture}Dir::State "{folder}/state";
Dir::State::lists "{folder}/state/lists";
Dir::State::status "{folder}/state/status";
Dir::Cache "{folder}";
Dir::Cache::archives "{folder}/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Default-Release "";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Status-Fd "1";
Acquire::Languages "none";
Acquire::Retries "3";
Dpkg::Use-Pty "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
"#
    ))
}

/// Prints a download's size and its progress in steps.
#[derive(Default)]
struct Progress {
    shown: u32,
}

impl Progress {
    const PREFIX: &str = "dlstatus:";
    const STEP: u32 = 10;

    fn show(&mut self, line: &str) {
        if line.starts_with("Need to get ") {
            eprintln!("    {line}");
        }
        if let Some(percent) = Self::percent(line)
            && percent >= self.shown + Self::STEP
        {
            self.shown = percent - percent % Self::STEP;
            eprintln!("    {}%", self.shown);
        }
    }

    /// Reads `dlstatus:FILE:PERCENT:TEXT`.
    fn percent(line: &str) -> Option<u32> {
        let percent = line.strip_prefix(Self::PREFIX)?.split(':').nth(1)?;
        percent.split('.').next()?.parse().ok()
    }
}

/// The Debian mirror that this machine is set to use.
fn mirror() -> Result<String> {
    let ask = |arguments: &[&str]| -> Result<Vec<String>> {
        let mut command = Command::new("apt-get");
        command.env("LC_ALL", "C").args(arguments);
        Ok(process::run(command, LOCAL_LIMIT)?.lines)
    };
    let known = ask(&["indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)"])?;
    if let Some(mirror) = known
        .iter()
        .find_map(|line| line.strip_prefix("Debian|Debian|"))
    {
        return Ok(mirror.to_owned());
    }
    // Container images have no package lists; apt then lists addresses only.
    let addresses = ask(&["update", "--print-uris"])?;
    addresses
        .iter()
        .find_map(|line| debian_archive(line))
        .context("no Debian mirror is set on this machine")
}

/// Reads `'MIRROR/debian/dists/RELEASE/InRelease' FILE ...`.
fn debian_archive(line: &str) -> Option<String> {
    let (address, _) = line.strip_prefix('\'')?.split_once("/dists/")?;
    address.ends_with("/debian").then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_read_from_addresses_alone() {
        let found = debian_archive("'http://mirror.example/debian/dists/stable/InRelease' x 0 ");
        assert_eq!(found.as_deref(), Some("http://mirror.example/debian"));
        let security = "'http://mirror.example/debian-security/dists/x/InRelease' x 0 ";
        assert_eq!(debian_archive(security), None);
        assert_eq!(
            debian_archive("E: The list of sources could not be read."),
            None
        );
    }

    #[test]
    fn progress_is_read_from_apts_status_lines() {
        let line = "dlstatus:12:34.5678:Retrieving file 12 of 120 (20s remaining)";
        assert_eq!(Progress::percent(line), Some(34));
        assert_eq!(Progress::percent("Get:1 x"), None);
    }
}
