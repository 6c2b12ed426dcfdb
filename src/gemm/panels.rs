//! Panels of the kernel matrix. Within a block of depth, panel by panel; within a panel, for each step of the depth
//! its rows (or columns) side by side.

use core::ops::Range;

/// Cuts `count` rows into panels of at most `most`, of nearly equal height: a tile of 13 rows beats one of 14
/// followed by a remnant.
pub(crate) fn row_panels(count: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let panels = count.div_ceil(most);
    let (height, higher) = (count / panels.max(1), count % panels.max(1));
    (0..panels).map(move |panel| {
        let start = panel * height + panel.min(higher);
        start..start + height + usize::from(panel < higher)
    })
}

/// Packs `count` rows: the panels of each block of `block` steps of the depth, blocks one after another.
/// `value(row, k)` is the matrix. Fills `count * depth` values.
pub(crate) fn pack_rows<T>(
    packed: &mut [T],
    [count, depth]: [usize; 2],
    [most_rows, block]: [usize; 2],
    value: impl Fn(usize, usize) -> T,
) {
    let mut packed = packed.iter_mut();
    for start in (0..depth).step_by(block) {
        for panel in row_panels(count, most_rows) {
            for k in start..(start + block).min(depth) {
                for row in panel.clone() {
                    if let Some(to) = packed.next() {
                        *to = value(row, k);
                    }
                }
            }
        }
    }
}

/// Packs `count` columns in panels of `width`, the last filled up with zeros. `value(column, k)` is the matrix.
/// Fills `count` rounded up to `width`, times `depth`, values.
pub(crate) fn pack_columns<T: Default>(
    packed: &mut [T],
    [count, depth]: [usize; 2],
    [width, block]: [usize; 2],
    value: impl Fn(usize, usize) -> T,
) {
    let mut packed = packed.iter_mut();
    for start in (0..depth).step_by(block) {
        for panel in (0..count).step_by(width) {
            for k in start..(start + block).min(depth) {
                for column in panel..panel + width {
                    if let Some(to) = packed.next() {
                        *to = if column < count { value(column, k) } else { T::default() };
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_panels_are_balanced_and_cover() {
        for count in 0..100 {
            let panels: Vec<_> = row_panels(count, 14).collect();
            assert_eq!(panels.iter().map(|panel| panel.len()).sum::<usize>(), count);
            assert!(
                panels
                    .windows(2)
                    .all(|pair| pair[0].end == pair[1].start && pair[0].len() - pair[1].len() <= 1)
            );
            assert!(panels.iter().all(|panel| (1..=14).contains(&panel.len())));
        }
    }

    #[test]
    fn packing_follows_blocks_then_panels_then_depth() {
        let mut packed = [0; 3 * 5];
        pack_rows(&mut packed, [3, 5], [2, 3], |row, k| 10 * row + k);
        assert_eq!(packed, [0, 10, 1, 11, 2, 12, 20, 21, 22, 3, 13, 4, 14, 23, 24]);
        let mut packed = [99; 4 * 3];
        pack_columns(&mut packed, [3, 3], [2, 2], |column, k| 10 * column + k + 1);
        assert_eq!(packed, [1, 11, 2, 12, 21, 0, 22, 0, 3, 13, 23, 0]);
    }
}
