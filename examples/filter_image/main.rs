//! Filters a picture in six ways, each with every strategy, and tells which one the dispatcher takes and why.
//!
//! ```text
//! cargo run --release --example filter_image                  a built-in picture, in gray and in colour
//! cargo run --release --example filter_image -- photo.jpg     a PNG or JPEG of yours
//! ```
//!
//! The results are written to `target/filter_image/`. Reading order: here, `measure.rs` (all calls of the crate),
//! `filters.rs`; the rest is pictures and printing.

mod filters;
mod measure;
mod picture;
mod sample;
mod table;

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use picture::Picture;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[OsString]) -> Result<(), Box<dyn Error>> {
    let pictures = match arguments {
        [] => vec![sample::gray(), sample::colour()],
        [path] => vec![picture::load(Path::new(path))?],
        _ => return Err("expected one picture, or no argument for the built-in one".into()),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/filter_image");
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    for picture in &pictures {
        filter(picture, &folder)?;
    }
    println!("Chosen is the lowest prediction. Differences are in gray levels from 0 to 255.");
    println!("The pictures are in {}", folder.display());
    Ok(())
}

/// Runs every filter on a picture: one row of the table and one file each.
fn filter(picture: &Picture, folder: &Path) -> Result<(), Box<dyn Error>> {
    let file = |name: &str| folder.join(format!("{}-{}.png", picture.name, name.replace(' ', "-")));
    picture.save(&file("original"))?;
    table::print_head(picture);
    for filter in filters::all() {
        let measured = measure::measure(picture, &filter)?;
        table::print_row(&filter, &measured);
        picture.with_values(filter.shown(&measured.values)).save(&file(filter.name))?;
    }
    println!();
    Ok(())
}
