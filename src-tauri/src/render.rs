//! How WebKitGTK draws.
//!
//! Its DMA-BUF renderer costs several times the time and memory where drawing happens in
//! software, and leaves the window blank with many drivers. It is chosen by an environment
//! variable that WebKit reads at its start, so the variable is set before anything else runs.

/// The variable that WebKit looks at.
#[cfg(target_os = "linux")]
const VARIABLE: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

/// Chooses the plain renderer unless the person chose otherwise. Must be the first thing `main`
/// does.
#[cfg(target_os = "linux")]
pub(crate) fn choose() {
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    // Starting the program anew with the variable set would load WebKit's libraries twice.
    #[allow(unsafe_code)]
    // SAFETY: this is the first statement of `main`; no other thread exists that could read or
    // write the environment meanwhile.
    unsafe {
        std::env::set_var(VARIABLE, "1");
    }
}

/// Other systems draw with engines of their own.
#[cfg(not(target_os = "linux"))]
pub(crate) fn choose() {}
