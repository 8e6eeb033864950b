//! Renders the icons that the desktop app and its packages embed from the SVG sources in icons/.
//!
//! Small sizes come from a drawing of their own (`small.svg`): what is legible at 512 pixels is a
//! smudge at 16. The results are committed, so that building the app needs no renderer.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use crate::workspace::Workspace;

/// Source, output, edge in pixels.
const PICTURES: [(&str, &str, u32); 6] = [
    ("small.svg", "32x32.png", 32),
    ("app.svg", "128x128.png", 128),
    ("app.svg", "128x128@2x.png", 256),
    ("app.svg", "icon.png", 512),
    ("small.svg", "tray.png", 64),
    ("small-unread.svg", "tray-unread.png", 64),
];

/// Source and edge of each picture inside icon.ico.
const WINDOWS: [(&str, u32); 6] = [
    ("small.svg", 16),
    ("small.svg", 24),
    ("small.svg", 32),
    ("small.svg", 48),
    ("app.svg", 64),
    ("app.svg", 256),
];

/// Renders everything into icons/.
///
/// # Errors
/// When a source is no SVG or a file cannot be written.
pub fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let icons = workspace.path("icons");
    for (source, name, edge) in PICTURES {
        let png = render(&icons.join(source), edge)?.encode_png()?;
        fs::write(icons.join(name), png).with_context(|| format!("writing icons/{name}"))?;
        println!("wrote icons/{name}");
    }
    let mut windows = ico::IconDir::new(ico::ResourceType::Icon);
    for (source, edge) in WINDOWS {
        let pixels = render(&icons.join(source), edge)?.take_demultiplied();
        let image = ico::IconImage::from_rgba_data(edge, edge, pixels);
        windows.add_entry(ico::IconDirEntry::encode(&image)?);
    }
    let file = fs::File::create(icons.join("icon.ico")).context("creating icons/icon.ico")?;
    windows.write(file).context("writing icons/icon.ico")?;
    println!("wrote icons/icon.ico");
    Ok(())
}

fn render(source: &Path, edge: u32) -> anyhow::Result<Pixmap> {
    let text = fs::read(source).with_context(|| format!("reading {}", source.display()))?;
    let tree = Tree::from_data(&text, &Options::default())
        .with_context(|| format!("{} is no drawing", source.display()))?;
    let mut pixels = Pixmap::new(edge, edge).ok_or_else(|| anyhow!("an icon of no size"))?;
    let size = tree.size();
    #[expect(clippy::cast_precision_loss, reason = "an icon's edge is far below 2^24")]
    let scale = edge as f32 / size.width().max(size.height());
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    Ok(pixels)
}
