//! Plans that depend on values: what is chosen, refused, repacked and shared; threads, batches and memory.

use convolve::*;

use super::support::random::Random;
use super::support::run::{compute, in_order, view, view_mut};
use super::{Alike, low_rank};

const ANY: Alike = Alike { channels: true, taps: [false; 2] };

fn gaussian(size: [usize; 2]) -> Conv {
    Conv::d2(size, [11, 11]).padding(Padding::Same).strategy("separable")
}

#[test]
fn without_values_or_with_full_rank_it_declines_and_says_why() {
    let declined = |got: Result<Plan<f32>, Error>| match got.unwrap_err() {
        Error::Declined { strategy: "separable", reason } => reason,
        other => panic!("{other}"),
    };
    let conv = Conv::d2([40, 40], [5, 5]).strategy("separable");
    let reason = declined(conv.plan());
    assert!(matches!(reason, Declined::Values { needs } if needs.contains("with_kernel")), "{reason}");
    let mut random = Random(75);
    let full = Kernel::new([5, 5], random.reals::<f32>(25)).unwrap();
    let with = |conv: &Conv, kernel: &Kernel<f32>| Ok(conv.with_kernel(kernel.view(), None)?.plan().clone());
    assert!(matches!(declined(with(&conv, &full)), Declined::Values { .. }));
    let line = Conv::d1(40, 5).strategy("separable");
    assert!(matches!(declined(line.plan()), Declined::Values { .. }));
    let ramp = Kernel::new([1, 5], vec![1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
    assert!(matches!(declined(with(&line, &ramp)), Declined::Values { .. }));
    assert!(matches!(declined(Conv::d1(40, 1).strategy("separable").plan()), Declined::Problem { .. }));
    let several = Conv::d2([40, 40], [5, 5]).channels(2, 2).strategy("separable");
    assert!(matches!(declined(several.plan()), Declined::Problem { .. }));
    // Left to choose, full rank is no obstacle, and every candidate says why not.
    let chosen = with(&conv.strategy("auto"), &full).unwrap();
    assert_ne!(chosen.strategy(), "separable");
    let wide = Conv::d2([40, 40], [5, 5]).dilation([1, 1 << 20]).padding(Padding::Full).strategy("separable");
    let mean = Kernel::<f32>::mean([5, 5]).unwrap();
    assert!(matches!(declined(with(&wide, &mean)), Declined::Problem { .. }));
}

#[test]
fn other_values_are_packed_only_if_they_fit_the_plan() {
    let blur = Kernel::<f32>::gaussian(1.5);
    let plan = gaussian([40, 50]).with_kernel(blur.view(), None).unwrap().plan().clone();
    let mut packed = plan.pack(blur.view(), None).unwrap();
    let x: Vec<f32> = Random(76).reals(40 * 50);
    let run = |packed: &PackedKernel<f32>| {
        let mut y = vec![f32::NAN; 40 * 50];
        let output = ViewMut::plane(&mut y, [40, 50]).unwrap();
        plan.execute(packed, View::plane(&x, [40, 50]).unwrap(), output, &mut plan.workspace().unwrap())
            .unwrap();
        y
    };
    let before = run(&packed);
    let full = Random(77).reals::<f32>(121);
    let full = View::plane(&full, [11, 11]).unwrap();
    for got in [plan.pack(full, None).map(drop), plan.pack_into(&mut packed, full, None)] {
        assert!(matches!(
            got,
            Err(Error::Declined { strategy: "separable", reason: Declined::Values { .. } })
        ));
    }
    assert_eq!(run(&packed), before, "a refused kernel leaves the packed one alone");
    let mean = Kernel::<f32>::mean([11, 11]).unwrap();
    plan.pack_into(&mut packed, mean.view(), None).unwrap();
    let direct = gaussian([40, 50]).strategy("direct").with_kernel(mean.view(), None).unwrap();
    let mut expected = vec![0.0; 40 * 50];
    let output = ViewMut::plane(&mut expected, [40, 50]).unwrap();
    direct.execute(View::plane(&x, [40, 50]).unwrap(), output, &mut direct.workspace().unwrap()).unwrap();
    run(&packed).iter().zip(&expected).for_each(|(y, e)| approx::assert_abs_diff_eq!(*y, *e, epsilon = 1e-5));
}

/// Planned for channels with one kernel, a kernel for each channel has no place.
#[test]
fn channels_planned_with_one_kernel_keep_one() {
    let conv = Conv::d2([20, 30], [5, 5]).channels(3, 3).groups(3).strategy("separable").layout(Layout::Nhwc);
    let [shared, apart] = [true, false].map(|channels| {
        let alike = Alike { channels, ..ANY };
        low_rank::<f32>(&mut Random(78), [3, 1, 5, 5], 1, alike, |random, count| random.reals(count))
    });
    let [shared, apart] = [&shared, &apart].map(|taps| view(taps, [3, 1, 5, 5], Layout::Nchw));
    let plan = conv.with_kernel(shared, None).unwrap().plan().clone();
    assert!(matches!(plan.pack(apart, None), Err(Error::Declined { reason: Declined::Values { .. }, .. })));
    assert!(conv.with_kernel(apart, None).unwrap().plan().pack(shared, None).is_ok());
}

#[test]
fn single_terms_that_match_every_tap_are_componentwise() {
    let strict = |kernel: &Kernel<f32>| {
        let dims = kernel.dims();
        let conv = Conv::d2([40, 40], dims).strategy("separable").accuracy(Accuracy::Componentwise);
        conv.with_kernel(kernel.view(), None).map(|convolver| convolver.explain().caution)
    };
    assert!(strict(&Kernel::gaussian(1.0)).is_ok());
    assert!(strict(&Kernel::sobel_x()).is_ok());
    let difference: Vec<f32> = (0..121)
        .map(|i| {
            let square = ((i / 11 - 5) as f64).powi(2) + ((i % 11 - 5) as f64).powi(2);
            ((-square / 4.0).exp() - 0.4 * (-square / 10.0).exp()) as f32
        })
        .collect();
    let difference = Kernel::new([11, 11], difference).unwrap();
    let declined = Error::Declined { strategy: "separable", reason: Declined::Accuracy };
    assert_eq!(strict(&difference), Err(declined));
    let loose = gaussian([40, 40]).with_kernel(difference.view(), None).unwrap();
    let explanation = loose.explain();
    assert_eq!(explanation.separable_terms.map(|found| found.count), Some(2));
    assert!(explanation.caution.is_some());
    assert!(explanation.to_string().contains("2 separable terms"), "{explanation}");
}

struct Scoped(usize);

impl Executor for Scoped {
    fn threads(&self) -> usize {
        self.0
    }

    fn broadcast(&self, work: &(dyn Fn() + Sync)) {
        std::thread::scope(|scope| (0..self.0).for_each(|_| drop(scope.spawn(work))));
    }
}

/// A picture large enough for threads and for several strips.
#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let dims = [400, 1100];
    let blur = Kernel::<f64>::gaussian(7.0);
    let size = blur.dims();
    let conv = Conv::d2(dims, size).padding(Padding::Same).border(Border::Reflect101).strategy("separable");
    let convolver = conv.with_kernel(blur.view(), Some(&[0.5])).unwrap();
    let x: Vec<f64> = Random(80).reals(dims[0] * dims[1]);
    let run = |threads: usize| {
        let mut y = vec![f64::NAN; dims[0] * dims[1]];
        let (input, output) = (View::plane(&x, dims).unwrap(), ViewMut::plane(&mut y, dims).unwrap());
        let mut workspace = convolver.workspace_for(threads).unwrap();
        workspace.as_mut_slice().fill(0xff);
        if threads == 1 {
            convolver.execute(input, output, &mut workspace).unwrap();
        } else {
            convolver.execute_with(&Scoped(threads), input, output, &mut workspace).unwrap();
        }
        y.into_iter().map(f64::to_bits).collect::<Vec<_>>()
    };
    let alone = run(1);
    [2, 3, 7].into_iter().for_each(|threads| assert!(run(threads) == alone, "{threads} threads"));
}

/// Items that are interleaved, have the bits that they have alone.
#[test]
fn an_item_of_a_batch_has_the_bits_it_has_alone() {
    let mut random = Random(81);
    for (kernel, levels) in [([5, 5], false), ([4, 37], false), ([5, 5], true), ([4, 37], true)].repeat(4) {
        let alike = Alike { taps: [levels; 2], ..ANY };
        let taps = low_rank::<f32>(&mut random, [1, 1, kernel[0], kernel[1]], 1, alike, |r, n| r.reals(n));
        let taps = View::plane(&taps, kernel).unwrap();
        let x: Vec<f32> = random.reals(3 * 30 * 150);
        let conv =
            Conv::d2([30, 150], kernel).padding(Padding::Same).strategy("separable").layout(Layout::Nhwc);
        let run = |batch: usize, first: usize| {
            let convolver = conv.clone().batch(batch).with_kernel(taps, None).unwrap();
            let mut y = vec![f32::NAN; 3 * 30 * 150];
            let (dims, strides) = ([batch, 1, 30, 150], [1, 0, 450, 3]);
            let input = View::strided(&x, first, dims, strides).unwrap();
            let output = ViewMut::strided(&mut y, first, dims, strides).unwrap();
            convolver.execute(input, output, &mut convolver.workspace().unwrap()).unwrap();
            y
        };
        let all = run(3, 0);
        for item in 0..3 {
            let alone = run(1, item);
            for at in (item..x.len()).step_by(3) {
                assert_eq!(all[at].to_bits(), alone[at].to_bits(), "item {item} at {at}");
            }
        }
    }
}

/// A NaN or infinity reaches exactly the outputs whose window holds it.
#[test]
fn non_finite_values_stay_in_their_windows() {
    for &isa in InstructionSet::available().unwrap() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for border in [Border::Zero, Border::Constant(1.0)] {
                let conv = Conv::d2([29, 90], [9, 5]).padding(Padding::Same).border(border);
                let conv = conv.strategy("separable").instruction_set(isa.name());
                let convolver = conv.with_kernel(Kernel::mean([9, 5]).unwrap().view(), None).unwrap();
                let mut x = vec![1.0; 29 * 90];
                x[14 * 90 + 47] = value;
                let mut y = vec![0.0; 29 * 90];
                let (input, output) =
                    (View::plane(&x, [29, 90]).unwrap(), ViewMut::plane(&mut y, [29, 90]).unwrap());
                convolver.execute(input, output, &mut convolver.workspace().unwrap()).unwrap();
                for (i, y) in y.iter().enumerate() {
                    let inside = (10..=18).contains(&(i / 90)) && (45..=49).contains(&(i % 90));
                    assert_eq!(!y.is_finite(), inside, "{isa} {i}");
                    assert!(!inside || y.is_nan() == value.is_nan(), "{isa} {i}: {y}");
                }
            }
        }
    }
}

#[test]
fn plans_of_other_sizes_share_a_packed_kernel() {
    let blur = Kernel::<f32>::gaussian(1.5);
    let packed = gaussian([40, 50]).with_kernel(blur.view(), None).unwrap().packed().clone();
    let other = gaussian([23, 31]).with_kernel(blur.view(), None).unwrap();
    let x: Vec<f32> = Random(82).reals(23 * 31);
    let run = |packed: &PackedKernel<f32>| {
        let mut y = vec![f32::NAN; 23 * 31];
        let output = ViewMut::plane(&mut y, [23, 31]).unwrap();
        let (plan, input) = (other.plan(), View::plane(&x, [23, 31]).unwrap());
        plan.execute(packed, input, output, &mut plan.workspace().unwrap()).unwrap();
        y
    };
    assert_eq!(run(&packed), run(other.packed()));
    // A plan that computes in another way refuses it.
    let direct = gaussian([23, 31]).strategy("direct").plan::<f32>().unwrap();
    let mut y = vec![0.0; 23 * 31];
    let output = ViewMut::plane(&mut y, [23, 31]).unwrap();
    let got =
        direct.execute(&packed, View::plane(&x, [23, 31]).unwrap(), output, &mut direct.workspace().unwrap());
    assert!(matches!(got, Err(Error::PackingMismatch { .. })));
}

/// Sub-images and reversed axes; nothing beside the output is written.
#[test]
fn any_memory_is_read_and_written() {
    let mut random = Random(83);
    let taps = low_rank::<f32>(&mut random, [1, 1, 3, 4], 1, ANY, |random, count| random.integers(count, 4));
    let h = View::plane(&taps, [3, 4]).unwrap();
    let x: Vec<f32> = random.integers(900, 8);
    let conv = Conv::d2([13, 21], [3, 4]).padding(Padding::Same);
    let inputs = [
        View::strided(&x, 5, [1, 1, 13, 21], [0, 0, 30, 1]).unwrap(),
        View::strided(&x, 899, [1, 1, 13, 21], [0, 0, -42, -2]).unwrap(),
        View::strided(&x, 0, [1, 1, 13, 21], [0, 0, 1, 13]).unwrap(),
        View::strided(&x, 40, [1, 1, 13, 21], [0, 0, 0, 1]).unwrap(),
    ];
    for &isa in InstructionSet::available().unwrap() {
        let separable = conv.clone().strategy("separable").instruction_set(isa.name());
        let convolver = separable.with_kernel(h, None).unwrap();
        for input in inputs {
            let exact = reference::convolve(&conv, input, h, None, None).unwrap();
            for strides in [[0, 0, 30, 1], [0, 0, 42, 2], [0, 0, 1, 13]] {
                let mut y = vec![-7777.0; 900];
                let output = ViewMut::strided(&mut y, 3, [1, 1, 13, 21], strides).unwrap();
                convolver.execute(input, output, &mut convolver.workspace().unwrap()).unwrap();
                let written = in_order(View::strided(&y, 3, [1, 1, 13, 21], strides).unwrap());
                assert!(written.iter().zip(&exact).all(|(y, exact)| f64::from(*y) == exact.value), "{isa}");
                assert_eq!(y.iter().filter(|&&y| y == -7777.0).count(), 900 - 13 * 21, "{isa}");
            }
        }
    }
}

/// Without being asked, where it is the fastest: one-liners take the same way.
#[test]
fn large_blurs_find_it_by_themselves() {
    let blur = Kernel::<f32>::gaussian(5.0);
    let conv = Conv::d2([1080, 1920], blur.dims()).padding(Padding::Same).border(Border::Reflect101);
    // Without fused multiply-adds, transforms are the faster ones for so large a kernel.
    let is_fastest = InstructionSet::available().unwrap().iter().any(|isa| isa.to_string() == "avx2");
    let conv = if is_fastest { conv } else { conv.strategy("separable") };
    let convolver = conv.with_kernel(blur.view(), None).unwrap();
    assert_eq!(convolver.plan().strategy(), "separable", "{}", convolver.explain());
    let factors: Vec<f32> = (0..31).map(|i| (i as f32 * 0.3).sin()).collect();
    assert_eq!(conv.with_factors(&factors, &factors, None).unwrap().plan().strategy(), "separable");
    assert!(matches!(
        conv.clone().channels(2, 2).with_factors(&factors, &factors, None),
        Err(Error::Shape { operand: "kernel", .. })
    ));
    assert!(matches!(
        conv.with_factors(&factors, &[], None),
        Err(Error::Zero { quantity: "kernel size (columns)" })
    ));
}

#[test]
fn kernels_that_decline_are_computed_otherwise() {
    let mut random = Random(84);
    let (x, h) = (random.integers::<f32>(400, 8), random.integers::<f32>(25, 8));
    let conv = Conv::d2([20, 20], [5, 5]);
    let convolver = conv.with_kernel(View::plane(&h, [5, 5]).unwrap(), None).unwrap();
    let mut y = vec![f32::NAN; 256];
    let output = view_mut(&mut y, [1, 1, 16, 16], Layout::Nchw);
    convolver
        .execute(View::plane(&x, [20, 20]).unwrap(), output, &mut convolver.workspace().unwrap())
        .unwrap();
    let direct = compute(&conv.strategy("direct"), &x, &h).unwrap();
    assert!(y.iter().zip(direct).all(|(y, direct)| y.round() == direct));
}

/// Sums of equal taps leave nothing of a value behind that has left the window, however large it was.
#[test]
fn moving_sums_do_not_drift() {
    fn check<T: Element>(huge: T) {
        let dims = [70, 400];
        let mean = Kernel::<T>::mean([17, 21]).unwrap();
        let mut x: Vec<T> = Random(85).reals(dims[0] * dims[1]);
        for &isa in InstructionSet::available().unwrap() {
            let conv = Conv::d2(dims, [17, 21]).strategy("separable").instruction_set(isa.name());
            let convolver = conv.with_kernel(mean.view(), None).unwrap();
            let mut run = |value: T| {
                x[30 * dims[1] + 200] = value;
                let mut y = vec![T::default(); 54 * 380];
                let output = ViewMut::plane(&mut y, [54, 380]).unwrap();
                let input = View::plane(&x, dims).unwrap();
                convolver.execute(input, output, &mut convolver.workspace().unwrap()).unwrap();
                y
            };
            let (small, large) = (run(T::default()), run(huge));
            for (i, (small, large)) in small.iter().zip(&large).enumerate() {
                let inside = (14..=30).contains(&(i / 380)) && (180..=200).contains(&(i % 380));
                assert_eq!(small == large, !inside, "{isa} {i}");
            }
        }
    }
    check::<f32>(1e30);
    check::<f64>(1e300);
}

/// Rows of more values than are summed at once, those of several planes side by side.
#[test]
fn long_rows_of_equal_taps_are_summed_piece_by_piece() {
    fn check<T: Element>() {
        let shape = [1, 3, 20, 2100];
        let taps = vec![T::from_f64(2.0); 3 * 17 * 19];
        let x = Random(86).integers::<T>(3 * 20 * 2100, 8);
        let (taps, input) = (view(&taps, [3, 1, 17, 19], Layout::Nchw), view(&x, shape, Layout::Nhwc));
        for &isa in InstructionSet::available().unwrap() {
            let conv = Conv::d2([20, 2100], [17, 19]).channels(3, 3).groups(3).layout(Layout::Nhwc);
            let conv = conv.padding(Padding::Same);
            let run = |strategy: &'static str| {
                let conv = conv.clone().strategy(strategy).instruction_set(isa.name());
                let convolver = conv.with_kernel(taps, None).unwrap();
                let mut y = vec![T::from_f64(f64::NAN); x.len()];
                let output = view_mut(&mut y, shape, Layout::Nhwc);
                convolver.execute(input, output, &mut convolver.workspace().unwrap()).unwrap();
                y
            };
            assert!(run("separable") == run("direct"), "{isa}");
        }
    }
    check::<f32>();
    check::<f64>();
}

/// Planned for equal taps, other ones have no place; a plan for other ones takes them.
#[test]
fn equal_taps_are_planned_for() {
    let blur = Kernel::<f32>::gaussian(5.0);
    let mean = Kernel::<f32>::mean(blur.dims()).unwrap();
    let conv = Conv::d2([40, 50], blur.dims()).strategy("separable");
    let plan = conv.with_kernel(mean.view(), None).unwrap().plan().clone();
    let refused = plan.pack(blur.view(), None).map(drop);
    assert!(matches!(refused, Err(Error::Declined { reason: Declined::Values { .. }, .. })));
    assert!(plan.pack(mean.view(), None).is_ok());
}

/// Long enough moving means of signals find it by themselves.
#[test]
fn long_moving_means_find_it_by_themselves() {
    let mean = Kernel::<f32>::mean([1, 300]).unwrap();
    // With shorter vectors, transforms of so many taps are as fast.
    let is_fastest = InstructionSet::available().unwrap().iter().any(|isa| isa.to_string() == "avx512");
    let conv = Conv::d1(100_000, 300);
    let conv = if is_fastest { conv } else { conv.strategy("separable") };
    let convolver = conv.with_kernel(mean.view(), None).unwrap();
    assert_eq!(convolver.plan().strategy(), "separable", "{}", convolver.explain());
}

/// Factors are looked for in the kernel as it is packed: a convolution is the correlation with the flipped kernel in
/// every bit.
#[test]
fn a_convolution_flips_before_it_looks_for_factors() {
    let mut random = Random(84);
    let x: Vec<f64> = random.reals(12 * 21);
    let mut served = 0;
    for _ in 0..300 {
        let size = random.pick(&[3, 5]);
        let [column, row] = [(), ()].map(|()| random.reals::<f64>(size));
        let noise = if size == 5 { 1e-15 } else { 0.0 };
        let product = column.iter().flat_map(|c| row.iter().map(move |r| c * r));
        let taps: Vec<f64> = product.map(|tap| tap * (1.0 + noise * random.real())).collect();
        let flipped: Vec<f64> = taps.iter().rev().copied().collect();
        let accuracy = random.pick(&[Accuracy::Componentwise, Accuracy::Normwise]);
        let conv = Conv::d2([12, 21], [size; 2]).accuracy(accuracy).strategy("separable");
        let run = |conv: Conv, taps: &[f64]| {
            let convolver = conv.with_kernel(View::plane(taps, [size; 2])?, None)?;
            let mut y = vec![f64::NAN; convolver.output_shape().iter().product()];
            let output = ViewMut::nchw(&mut y, convolver.output_shape())?;
            convolver.execute(View::plane(&x, [12, 21])?, output, &mut convolver.workspace()?)?;
            Ok::<_, Error>(y)
        };
        let [correlated, convolved] = [run(conv.clone(), &flipped), run(conv.convolution(), &taps)];
        assert_eq!(correlated, convolved, "{column:?} {row:?}");
        served += usize::from(convolved.is_ok());
    }
    assert!((50..300).contains(&served), "{served}");
}
