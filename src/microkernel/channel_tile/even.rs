//! The tile of one vector of channels by many pixels at even distances, as those of a row are.
//!
//! A vector of weights serves as many pixels as there are registers for sums, so that nearly every load is part of a
//! multiply-add. So many addresses have no room in registers; they are made of the first one and the distance as the
//! tile goes along, by integer instructions beside the multiply-adds.

use super::{ChannelTiles, max_pixels};
use crate::element::Element;
use crate::isa::Lanes;

/// Pixels of the largest tile.
pub(super) const fn most_even(registers: usize) -> usize {
    if registers >= 32 { 28 } else { 12 }
}

/// As many are left of a stretch, or none: the sums of fewer would wait for each other.
const LEFT: usize = 5;

/// Sums are kept by fours and twos, as the compiler unrolls short loops only.
const FOURS: usize = 4;
const TWOS: usize = 2;

/// Pixels whose windows are so many bytes apart, one from the next.
struct Stretch {
    pixels: usize,
    step: isize,
}

impl<T: Element> ChannelTiles<'_, T> {
    /// Tiles of pixels at even distances where enough follow each other, else of pixels wherever they are.
    ///
    /// # Safety
    /// See [`ChannelTiles`]; `vectors == 1`.
    #[inline(always)]
    pub(super) unsafe fn all_even<I: Lanes<T>>(&self, isa: I) {
        let (count, most) = (self.windows.len(), max_pixels(1, I::REGISTERS));
        let mut pixel = 0;
        while pixel < count {
            let mut stretch = self.stretch(pixel);
            loop {
                // SAFETY: pixels of the stretch.
                let done = unsafe { self.even::<I>(isa, pixel, &stretch) };
                if done == 0 {
                    break;
                }
                pixel += done;
                stretch.pixels -= done;
            }
            if stretch.pixels > 0 {
                let is_long = stretch.pixels > most;
                let pixels = if is_long { stretch.pixels.div_ceil(2) } else { count - pixel }.min(most);
                // SAFETY: pixels of the list.
                unsafe { self.tile_of::<I, 1>(isa, pixel, pixels, core::ptr::null()) };
                pixel += pixels;
            }
        }
    }

    /// The pixels from `first` on that are at even distances, found eight by eight, then one by one.
    #[inline(always)]
    fn stretch(&self, first: usize) -> Stretch {
        let windows = &self.windows[first..];
        if windows.len() < 2 {
            return Stretch { pixels: windows.len(), step: 0 };
        }
        // Exposed, so that they may be read by addresses that are counted.
        let distance =
            |p: usize| windows[p].expose_provenance().wrapping_sub(windows[p - 1].expose_provenance());
        let (step, mut pixels) = (distance(1), 2);
        while pixels + 8 <= windows.len()
            && (pixels..pixels + 8).fold(true, |is_even, p| is_even & (distance(p) == step))
        {
            pixels += 8;
        }
        while pixels < windows.len() && distance(pixels) == step {
            pixels += 1;
        }
        Stretch { pixels, step: step as isize }
    }

    /// The largest tile that a stretch has pixels for; returns how many it had.
    ///
    /// # Safety
    /// As for `all_even`; the stretch starts with pixel `first`.
    #[inline(always)]
    unsafe fn even<I: Lanes<T>>(&self, isa: I, first: usize, stretch: &Stretch) -> usize {
        let fits = |pixels: usize| {
            pixels <= most_even(I::REGISTERS) && (stretch.pixels == pixels || stretch.pixels >= pixels + LEFT)
        };
        macro_rules! tiles {
            ($($count:literal x $each:ident)+) => {
                match () {
                    $(
                        // SAFETY: no more pixels than there are.
                        () if fits($count * $each) => unsafe {
                            self.even_tile::<I, $count, $each>(isa, first, stretch.step);
                            $count * $each
                        },
                    )+
                    () => 0,
                }
            };
        }
        // Fewer are as well served together with those of other rows.
        tiles!(7 x FOURS 6 x FOURS 5 x FOURS 4 x FOURS 7 x TWOS 3 x FOURS)
    }

    /// # Safety
    /// As for `even`, of `COUNT * EACH` pixels.
    #[inline(always)]
    unsafe fn even_tile<I: Lanes<T>, const COUNT: usize, const EACH: usize>(
        &self,
        isa: I,
        first: usize,
        step: isize,
    ) {
        // SAFETY: windows and outputs of these pixels, which are in the list; what is read are their windows, which
        // `stretch` has exposed.
        unsafe {
            let window = self.windows.get_unchecked(first).expose_provenance();
            let mut sums = [[self.initial_sums::<I, 1>(isa)[0]; EACH]; COUNT];
            if self.finish.accumulates() {
                self.add_old_even(isa, &mut sums, first);
            }
            let mut weights = self.weights;
            for run in self.runs {
                for k in run.offset..run.offset + run.len as isize {
                    // Read as if it might have changed: of a step that it knows to stay, the compiler would make a
                    // pointer to each pixel, more than there are registers.
                    let step = core::ptr::read_volatile(&raw const step);
                    let vector = isa.load(weights);
                    let mut input = window.wrapping_add_signed(k * size_of::<T>() as isize);
                    for sums in &mut sums {
                        for (p, sum) in sums.iter_mut().enumerate() {
                            let from = input.wrapping_add_signed(p as isize * step);
                            let value = isa.splat(*core::ptr::with_exposed_provenance::<T>(from));
                            *sum = isa.mul_add(value, vector, *sum);
                        }
                        input = input.wrapping_add_signed(EACH as isize * step);
                    }
                    weights = weights.add(I::LANES);
                }
            }
            self.finish.limit(isa, &mut sums);
            self.write_even(isa, &sums, first);
        }
    }

    /// # Safety
    /// As for `even_tile`.
    #[inline(always)]
    unsafe fn add_old_even<I: Lanes<T>, const COUNT: usize, const EACH: usize>(
        &self,
        isa: I,
        sums: &mut [[I::Vector; EACH]; COUNT],
        first: usize,
    ) {
        let factor = isa.splat(self.finish.accumulate);
        for (i, sums) in sums.iter_mut().enumerate() {
            for (p, sum) in sums.iter_mut().enumerate() {
                // SAFETY: outputs of a pixel.
                let old = unsafe {
                    let from = self.output.offset(*self.outputs.get_unchecked(first + i * EACH + p));
                    isa.load_part(from, self.channels)
                };
                *sum = isa.mul_add(factor, old, *sum);
            }
        }
    }

    /// # Safety
    /// As for `even_tile`.
    #[inline(always)]
    unsafe fn write_even<I: Lanes<T>, const COUNT: usize, const EACH: usize>(
        &self,
        isa: I,
        sums: &[[I::Vector; EACH]; COUNT],
        first: usize,
    ) {
        for (i, sums) in sums.iter().enumerate() {
            for (p, &sum) in sums.iter().enumerate() {
                // SAFETY: outputs of a pixel.
                unsafe {
                    let to = self.output.offset(*self.outputs.get_unchecked(first + i * EACH + p));
                    self.finish.ask_ahead(isa, to, 1);
                    isa.store_part(to, sum, self.channels);
                }
            }
        }
    }
}
