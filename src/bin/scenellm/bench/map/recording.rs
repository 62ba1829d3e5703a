//! A simulated drive for where no bag is at hand.

use crate::sim::write;
use scenellm::bag::BagWriter;
use scenellm::geometry::CameraModel;
use scenellm::sim::{Home, HomeKind, RecordOptions, record as drive};
use std::path::{Path, PathBuf};

/// Records six seconds of compressed 640×480 images into `folder`.
pub fn record(folder: &Path) -> anyhow::Result<PathBuf> {
    eprintln!("no bag was named: simulating a drive of six seconds");
    let path = folder.join("drive.mcap");
    let options = RecordOptions {
        camera: CameraModel::pinhole(640, 480, 554.0, 554.0, 319.5, 239.5),
        seconds: 6.0,
        fps: 10.0,
        compressed: true,
        ..RecordOptions::default()
    };
    let mut bag = BagWriter::create(&path)?;
    // The recorder cannot stop half-way, so the first failure is kept and what follows skipped.
    let mut written = Ok(());
    drive(&Home::generate(HomeKind::Kitchen, 1), &options, &mut |time_ns, event| {
        if written.is_ok() {
            written = write(&mut bag, time_ns, &event);
        }
    })?;
    written?;
    bag.finish()?;
    Ok(path)
}
