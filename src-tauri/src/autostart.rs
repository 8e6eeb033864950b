//! Starting with the session, hidden in the tray, as the system's own settings show it.
//!
//! Owns one entry: a file in the autostart folder on Linux, a value of the Run key on Windows.
//! The profile in the default folder only: other ones are started by whoever keeps them.

use anyhow::Context;

/// Makes or removes the entry.
///
/// # Errors
/// When the entry can be neither read nor written; it is then as it was.
pub(crate) fn set(on: bool) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("finding this program's own path")?;
    platform::set(on.then_some(program.as_path()))
}

#[cfg(target_os = "linux")]
mod platform {
    use std::fs;
    use std::path::Path;

    use anyhow::Context;

    const FILE: &str = "anser-desktop.desktop";

    pub(super) fn set(program: Option<&Path>) -> anyhow::Result<()> {
        let dirs = directories::BaseDirs::new().context("this user has no home directory")?;
        let folder = dirs.config_dir().join("autostart");
        let file = folder.join(FILE);
        let Some(program) = program else {
            return match fs::remove_file(&file) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                other => other.with_context(|| format!("removing {}", file.display())),
            };
        };
        let program = program.to_str().context("this program's path is no Unicode")?;
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        fs::write(&file, entry(program)).with_context(|| format!("writing {}", file.display()))
    }

    /// Desktop Entry Specification: the path is quoted, and the quoted string escaped once more.
    fn entry(program: &str) -> String {
        let mut quoted = String::new();
        for c in program.chars() {
            match c {
                '"' | '`' | '$' => quoted.extend(["\\\\", c.encode_utf8(&mut [0; 4])]),
                '\\' => quoted.push_str("\\\\\\\\"),
                '%' => quoted.push_str("%%"),
                c => quoted.push(c),
            }
        }
        format!(
            "[Desktop Entry]\nType=Application\nName=Anser\nExec=\"{quoted}\" --hidden\n\
             Terminal=false\nX-GNOME-Autostart-enabled=true\n"
        )
    }

    #[cfg(test)]
    mod tests {
        use super::entry;

        #[test]
        fn a_path_with_odd_characters_stays_one_argument() {
            assert!(
                entry("/opt/My Apps/anser").contains("\nExec=\"/opt/My Apps/anser\" --hidden\n")
            );
            assert!(entry("/a%b$c").contains("\nExec=\"/a%%b\\\\$c\" --hidden\n"));
        }
    }
}

#[cfg(windows)]
mod platform {
    use std::path::Path;

    use anyhow::Context;
    use windows_registry::CURRENT_USER;

    const KEY: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";
    const VALUE: &str = "Anser";

    pub(super) fn set(program: Option<&Path>) -> anyhow::Result<()> {
        let key = CURRENT_USER.create(KEY).context("opening the Run key of the registry")?;
        let Some(program) = program else {
            return match key.get_string(VALUE) {
                Ok(_) => key.remove_value(VALUE).context("removing the value from the Run key"),
                Err(_) => Ok(()),
            };
        };
        let program = program.to_str().context("this program's path is no Unicode")?;
        key.set_string(VALUE, format!("\"{program}\" --hidden"))
            .context("writing the value into the Run key")
    }
}

#[cfg(not(any(target_os = "linux", windows)))]
mod platform {
    use std::path::Path;

    pub(super) fn set(program: Option<&Path>) -> anyhow::Result<()> {
        match program {
            None => Ok(()),
            Some(_) => anyhow::bail!("this system has no autostart that the program knows"),
        }
    }
}
