//! What a headless node costs that is connected and has nothing to do.

use std::time::Duration;

use super::Bed;
use super::discovery::Cable;
use crate::bench::node::Node;
use crate::bench::report::{Aim, Report};
use crate::bench::usage::{cpu_percent, resident_mib};

/// Until what comes after connecting is over.
const SETTLE: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(30);

pub fn measure(bed: &Bed, report: &mut Report) -> anyhow::Result<()> {
    // As people run it: every interface, mDNS. Where there are no namespaces, on the loopback.
    let cable = Cable::lay();
    let (nodes, how) = match &cable {
        Ok(cable) => (cable.meet(bed)?.0, "mDNS"),
        Err(_) => {
            let mut a = Node::on_loopback(&bed.anser, &bed.folder.join("a"), "A", &[])?;
            let seed = a.address()?;
            let b = Node::on_loopback(&bed.anser, &bed.folder.join("b"), "B", &[seed])?;
            a.meets(1, PATIENCE)?;
            ([a, b], "loopback, no mDNS")
        }
    };
    std::thread::sleep(SETTLE);
    let [node, _other] = &nodes;
    let cpu = cpu_percent(&[node.pid()], LONG)?;
    report.add(format!("headless idle, one peer ({how}): CPU"), cpu, "%", Aim::AtMost(0.3));
    let memory = resident_mib(node.pid())?;
    let name = format!("headless idle, one peer ({how}): memory (RSS)");
    report.add(name, memory, "MiB", Aim::AtMost(40.0));
    Ok(())
}
