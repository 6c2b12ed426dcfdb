//! The built-in picture: six squares, each showing another thing that filters do.

use std::f32::consts::PI;

use crate::picture::Picture;

/// Pixels along the edge of a square. There are two rows of three.
const SIDE: usize = 320;

type Colour = [f32; 3];

const INK: Colour = [25.0, 30.0, 45.0];
const PAPER: Colour = [240.0, 235.0, 220.0];
const ORANGE: Colour = [235.0, 130.0, 40.0];
const BLUE: Colour = [40.0, 80.0, 160.0];

pub(crate) fn colour() -> Picture {
    picture("colour", 3, |colour| colour.to_vec())
}

pub(crate) fn gray() -> Picture {
    // Luma as television defines it (ITU-R BT.601).
    picture("gray", 1, |[red, green, blue]| vec![0.299 * red + 0.587 * green + 0.114 * blue])
}

fn picture(name: &str, channels: usize, convert: impl Fn(Colour) -> Vec<f32>) -> Picture {
    let (rows, columns) = (2 * SIDE, 3 * SIDE);
    let pixels = (0..rows).flat_map(|row| (0..columns).map(move |column| pixel(row, column)));
    Picture { name: name.into(), rows, columns, channels, values: pixels.flat_map(convert).collect() }
}

fn pixel(row: usize, column: usize) -> Colour {
    let (y, x) = (row % SIDE, column % SIDE);
    match [row / SIDE, column / SIDE] {
        [0, 0] => gradients(y, x),
        [0, 1] => shapes(y as f32, x as f32),
        [0, 2] => zone_plate(y as f32, x as f32),
        [1, 0] => text(y, x),
        [1, 1] => points_and_lines(y, x),
        _ => checks(y, x),
    }
}

/// Smooth above; below the same in eight steps, whose edges are faint.
fn gradients(y: usize, x: usize) -> Colour {
    let x = if y < SIDE / 2 { x } else { x - x % (SIDE / 8) };
    let share = x as f32 / SIDE as f32;
    [255.0 * share, 60.0 + 120.0 * (y as f32 / SIDE as f32), 255.0 * (1.0 - share)]
}

/// Hard edges in every direction.
fn shapes(y: f32, x: f32) -> Colour {
    let distance = |row: f32, column: f32| (y - row).hypot(x - column);
    if distance(105.0, 110.0) < 75.0 {
        ORANGE
    } else if (45.0..65.0).contains(&distance(210.0, 90.0)) {
        INK
    } else if (y - 200.0).abs() + (x - 215.0).abs() < 90.0 {
        PAPER
    } else {
        BLUE
    }
}

/// Every frequency in every direction, from none in the middle to half a wave per pixel at the sides.
fn zone_plate(y: f32, x: f32) -> Colour {
    let middle = SIDE as f32 / 2.0;
    let squared_distance = (y - middle).powi(2) + (x - middle).powi(2);
    [127.5 + 127.5 * (PI * squared_distance / SIDE as f32).cos(); 3]
}

/// Bright points show the shape of the kernel, lines its width.
fn points_and_lines(y: usize, x: usize) -> Colour {
    let is_point = y < 192 && (29..35).contains(&(y % 64)) && (29..35).contains(&(x % 64));
    let is_line = y > 220 && x % 40 < x / 80 + 1;
    if is_point || is_line { PAPER } else { INK }
}

/// Four checkerboards, each half as coarse as the one before.
fn checks(y: usize, x: usize) -> Colour {
    let cell = 40 >> (y / 80);
    if (y / cell + x / cell).is_multiple_of(2) { ORANGE } else { BLUE }
}

/// Words and the size of their pixels.
const LINES: [(&str, usize); 7] = [
    ("CONVOLVE", 6),
    ("DIRECT", 5),
    ("GEMM", 4),
    ("FFT", 3),
    ("CONVOLVE DIRECT", 3),
    ("CONVOLVE DIRECT GEMM FFT", 2),
    ("CONVOLVE DIRECT GEMM FFT", 1),
];

fn text(y: usize, x: usize) -> Colour {
    let mut top = 16;
    for (words, size) in LINES {
        if (top..top + 7 * size).contains(&y) && x >= 16 {
            let [row, column] = [(y - top) / size, (x - 16) / size];
            let letter = words.chars().nth(column / 6).unwrap_or(' ');
            return if is_ink(letter, row, column % 6) { INK } else { PAPER };
        }
        top += 7 * size + 14;
    }
    PAPER
}

/// Letters of 7 rows and 5 columns; the highest of five bits is the left column.
const LETTERS: [(char, [u8; 7]); 13] = [
    ('C', [0b01110, 0b10001, 0b10000, 0b10000, 0b10000, 0b10001, 0b01110]),
    ('D', [0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110]),
    ('E', [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111]),
    ('F', [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000]),
    ('G', [0b01110, 0b10001, 0b10000, 0b10111, 0b10001, 0b10001, 0b01110]),
    ('I', [0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110]),
    ('L', [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111]),
    ('M', [0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001]),
    ('N', [0b10001, 0b11001, 0b10101, 0b10011, 0b10001, 0b10001, 0b10001]),
    ('O', [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110]),
    ('R', [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001]),
    ('T', [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100]),
    ('V', [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01010, 0b00100]),
];

fn is_ink(letter: char, row: usize, column: usize) -> bool {
    let drawn = LETTERS.iter().find(|(known, _)| *known == letter);
    drawn.is_some_and(|(_, rows)| column < 5 && rows[row] >> (4 - column) & 1 == 1)
}
