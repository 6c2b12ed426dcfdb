//! A picture in memory: `f32` from 0 to 255, the channels of a pixel side by side.

use std::path::Path;

use image::{ExtendedColorType, ImageError, ImageReader};

pub(crate) struct Picture {
    /// Begins the names of the files written.
    pub(crate) name: String,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// 1 for gray, 3 for red, green, blue.
    pub(crate) channels: usize,
    pub(crate) values: Vec<f32>,
}

impl Picture {
    /// Other values in the same shape.
    pub(crate) fn with_values(&self, values: Vec<f32>) -> Picture {
        Picture { name: self.name.clone(), values, ..*self }
    }

    /// Writes a PNG of 8 bits to a channel.
    pub(crate) fn save(&self, path: &Path) -> Result<(), String> {
        let bytes: Vec<u8> = self.values.iter().map(|value| value.round() as u8).collect();
        let colours = if self.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
        image::save_buffer(path, &bytes, self.columns as u32, self.rows as u32, colours)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}

/// Reads a PNG or JPEG, whatever its name ends in. 16 bits are scaled to the range of 8; transparency is dropped
/// with a note.
pub(crate) fn load(path: &Path) -> Result<Picture, String> {
    let image = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(ImageError::from)
        .and_then(ImageReader::decode)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if image.color().has_alpha() {
        println!("The picture has transparency, which is dropped.");
    }
    let (rows, columns) = (image.height() as usize, image.width() as usize);
    let (channels, values) = if image.color().has_color() {
        (3, image.to_rgb32f().into_raw())
    } else {
        (1, image.to_luma32f().into_raw())
    };
    let values = values.into_iter().map(|value| value * 255.0).collect();
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok(Picture { name, rows, columns, channels, values })
}
