//! Strided memory of any kind: sub-images, reversed axes, interleaved planes, shared elements; and no cell outside a
//! view is touched.

mod support;

use convolve::{Conv, Error, Layout, Padding, View, ViewMut};
use support::random::Random;
use support::run::{combinations, forced, in_order};

/// A whole number, so that accumulating onto it stays exact.
const GUARD: f32 = -7777.0;

/// Output views over 600 cells: dense, a sub-image, reversed, interleaved, and with axes in odd orders.
fn outputs(data: &mut [f32]) -> [ViewMut<'_, f32>; 5] {
    let chunks = data.chunks_mut(600).collect::<Vec<_>>();
    let Ok([dense, inner, reversed, interleaved, transposed]) = <[&mut [f32]; 5]>::try_from(chunks) else {
        unreachable!("five chunks were made");
    };
    [
        ViewMut::strided(dense, 3, [2, 3, 4, 5], [60, 20, 5, 1]),
        ViewMut::nchw(&mut inner[..2 * 3 * 10 * 10], [2, 3, 10, 10])
            .and_then(|view| view.rows(3..7))
            .and_then(|view| view.columns(4..9)),
        ViewMut::nchw(&mut reversed[..120], [2, 3, 4, 5]).map(|view| view.reverse_rows().reverse_columns()),
        ViewMut::strided(interleaved, 7, [2, 3, 4, 5], [120, 2, 30, 6]),
        ViewMut::strided(transposed, 599, [2, 3, 4, 5], [-1, -2, -36, -6]),
    ]
    .map(|view| view.expect("inside 600 cells and nested"))
}

/// The cells that these views name.
fn cells() -> std::collections::HashSet<usize> {
    let mut numbers: Vec<f32> = (0..5 * 600).map(|cell| cell as f32).collect();
    outputs(&mut numbers).iter().flat_map(|view| in_order(view.as_view())).map(|cell| cell as usize).collect()
}

#[test]
fn any_output_memory_gets_the_same_values_and_nothing_else_changes() {
    let mut random = Random(41);
    let x: Vec<f32> = random.integers(2 * 2 * 4 * 5, 8);
    let h: Vec<f32> = random.integers(3 * 2 * 9, 8);
    for accumulate in [0.0, 1.0] {
        for (strategy, isa) in combinations() {
            let conv = Conv::d2([4, 5], [3, 3])
                .batch(2)
                .channels(2, 3)
                .padding(Padding::Same)
                .accumulate(accumulate);
            let plan = forced(&conv, strategy, isa).plan::<f32>().unwrap();
            let packed = plan.pack(View::nchw(&h, [3, 2, 3, 3]).unwrap(), None).unwrap();
            let mut workspace = plan.workspace().unwrap();
            let mut data = vec![GUARD; 5 * 600];
            let mut results = Vec::new();
            for view in outputs(&mut data) {
                let input = View::nchw(&x, [2, 2, 4, 5]).unwrap();
                plan.execute(&packed, input, view, &mut workspace).unwrap();
            }
            for view in outputs(&mut data) {
                results.push(in_order(view.as_view()).into_iter().map(f32::round).collect::<Vec<_>>());
            }
            assert!(results.iter().all(|result| *result == results[0]), "{strategy} {isa}");
            assert!(results[0].iter().any(|&value| value != 0.0));
            let exact = convolve::reference::convolve(
                &conv,
                View::nchw(&x, [2, 2, 4, 5]).unwrap(),
                View::nchw(&h, [3, 2, 3, 3]).unwrap(),
                None,
                Some(View::nchw(&[GUARD; 120], [2, 3, 4, 5]).unwrap()),
            );
            let exact: Vec<f32> = exact.unwrap().iter().map(|exact| (exact.value as f32).round()).collect();
            assert_eq!(results[0], exact, "{strategy} {isa}");
            let inside = cells();
            let outside = (0..data.len()).filter(|cell| !inside.contains(cell));
            assert!(outside.into_iter().all(|cell| data[cell] == GUARD), "{strategy} {isa}");
        }
    }
}

/// Input views of the same values through different memory.
#[test]
fn any_input_memory_is_read_alike() {
    let mut random = Random(42);
    let x: Vec<f32> = random.integers(2 * 3 * 4 * 37, 8);
    let h: Vec<f32> = random.integers(6, 8);
    let dense = View::nchw(&x, [2, 3, 4, 37]).unwrap();
    let index = |b: usize, c: usize, y: usize, column: usize| ((b * 3 + c) * 4 + y) * 37 + column;
    let mut embedded = vec![f32::NAN; 3000];
    let mut transposed = vec![f32::NAN; 2 * 3 * 4 * 37];
    let mut backwards = vec![f32::NAN; 2 * 3 * 4 * 37];
    let mut cropped = vec![f32::NAN; 2 * 4 * 37 * 5];
    let mut mirrored = vec![f32::NAN; 2 * 4 * 37 * 3];
    for b in 0..2 {
        for c in 0..3 {
            for y in 0..4 {
                for column in 0..37 {
                    let value = x[index(b, c, y, column)];
                    embedded[11 + b * 1400 + c * 450 + y * 110 + column * 2] = value;
                    transposed[((column * 4 + y) * 3 + c) * 2 + b] = value;
                    backwards[x.len() - 1 - index(b, c, y, column)] = value;
                    cropped[((b * 4 + y) * 37 + column) * 5 + 1 + c] = value;
                    mirrored[((b * 4 + y) * 37 + 36 - column) * 3 + c] = value;
                }
            }
        }
    }
    let last = x.len() - 1;
    let views = [
        dense,
        View::strided(&embedded, 11, [2, 3, 4, 37], [1400, 450, 110, 2]).unwrap(),
        View::strided(&transposed, 0, [2, 3, 4, 37], [1, 2, 6, 24]).unwrap(),
        View::strided(&backwards, last, [2, 3, 4, 37], [-444, -148, -37, -1]).unwrap(),
        View::strided(&cropped, 1, [2, 3, 4, 37], [740, 1, 185, 5]).unwrap(),
        View::strided(&mirrored, 36 * 3, [2, 3, 4, 37], [444, 1, 111, -3]).unwrap(),
    ];
    let conv = || Conv::d2([4, 37], [2, 3]).batch(2).channels(3, 3);
    let pictures = conv().groups(3).padding(Padding::Full).layout(Layout::Nhwc);
    let convs =
        [conv().groups(3).padding(Padding::Full).convolution(), conv(), conv().dilation([1, 2]), pictures];
    for ((strategy, isa), conv) in
        combinations().into_iter().flat_map(|one| convs.iter().map(move |c| (one, c)))
    {
        let plan = forced(conv, strategy, isa).plan::<f32>().unwrap();
        // One kernel for all channels: strides of zero.
        let kernel = View::strided(&h, 0, plan.kernel_shape(), [0, 0, 3, 1]).unwrap();
        let packed = plan.pack(kernel, None).unwrap();
        let results = views.map(|view| {
            let mut y = vec![f32::NAN; plan.output_shape().iter().product()];
            let output = ViewMut::nchw(&mut y, plan.output_shape()).unwrap();
            plan.execute(&packed, view, output, &mut plan.workspace().unwrap()).unwrap();
            y.into_iter().map(f32::round).collect::<Vec<_>>()
        });
        assert!(results.iter().all(|result| *result == results[0]), "{strategy} {isa}");
        let exact = convolve::reference::convolve(conv, dense, kernel, None, None).unwrap();
        assert!(
            results[0].iter().zip(exact).all(|(y, exact)| f64::from(*y) == exact.value),
            "{strategy} {isa}"
        );
    }
}

/// The step along an axis of one element is never taken, and may be anything.
#[test]
fn steps_that_are_never_taken_do_not_overflow() {
    let x: Vec<f32> = Random(32).integers(32 * 8, 4);
    let padding = Padding::Explicit { top: 1, bottom: 1, left: 2, right: 2 };
    for [taps, groups] in [[3, 32], [3, 16], [4, 16], [5, 8], [3, 1]] {
        let conv = Conv::d2([8, 1], [3, taps]).channels(32, 32).groups(groups).padding(padding);
        for (strategy, isa) in combinations() {
            let plan = forced(&conv, strategy, isa).plan::<f32>().unwrap();
            let h: Vec<f32> = Random(33).integers(plan.kernel_shape().iter().product(), 4);
            let packed = plan.pack(View::nchw(&h, plan.kernel_shape()).unwrap(), None).unwrap();
            let [first, second] = [32, isize::MAX].map(|step| {
                let input = View::strided(&x, 0, [1, 32, 8, 1], [step, 1, 32, step]).unwrap();
                let mut y = vec![f32::NAN; plan.output_shape().iter().product()];
                let [_, channels, rows, columns] = plan.output_shape();
                let output = ViewMut::nhwc(&mut y, [1, rows, columns, channels]).unwrap();
                plan.execute(&packed, input, output, &mut plan.workspace().unwrap()).unwrap();
                y
            });
            assert_eq!(first, second, "{strategy} {isa}");
        }
    }
}

#[test]
fn views_that_leave_their_slice_are_refused() {
    let data = [0.0f32; 24];
    let leaves = |offset, dims, strides| {
        matches!(View::strided(&data, offset, dims, strides), Err(Error::OutOfBounds { len: 24, .. }))
    };
    assert!(!leaves(0, [1, 2, 3, 4], [0, 12, 4, 1]));
    assert!(leaves(1, [1, 2, 3, 4], [0, 12, 4, 1]));
    assert!(!leaves(23, [1, 2, 3, 4], [0, -12, -4, -1]));
    assert!(leaves(22, [1, 2, 3, 4], [0, -12, -4, -1]));
    assert!(!leaves(0, [usize::MAX, 1, 1, 1], [0, 0, 0, 0]));
    assert!(leaves(0, [usize::MAX, 2, 2, 2], [isize::MAX, isize::MAX, 1, 1]));
    assert!(leaves(0, [2, 1, 1, 1], [isize::MIN, 0, 0, 0]));
    assert!(leaves(24, [1, 1, 1, 1], [0, 0, 0, 0]));
    assert!(!leaves(usize::MAX, [0, 5, 5, 5], [1, 1, 1, 1]), "nothing is read from an empty view");
    assert!(matches!(View::plane(&data, [5, 5]), Err(Error::Length { expected: 25, got: 24, .. })));
    assert!(matches!(View::nchw(&data, [usize::MAX, 2, 1, 1]), Err(Error::TooLarge { .. })));
    let plane = View::plane(&data, [4, 6]).unwrap();
    assert_eq!(plane.rows(2..5).unwrap_err(), Error::Crop { start: 2, end: 5, len: 4 });
    assert!(plane.columns(5..7).is_err());
    let backwards = core::ops::Range { start: 3, end: 2 };
    assert!(plane.rows(backwards).is_err());
    assert_eq!(plane.rows(4..4).unwrap().dims(), [1, 1, 0, 6]);
}

#[test]
fn outputs_that_may_overlap_are_refused() {
    let mut data = [0.0f32; 100];
    let mut overlaps = |dims, strides| match ViewMut::strided(&mut data, 50, dims, strides) {
        Ok(_) => false,
        Err(Error::Overlap { .. }) => true,
        Err(other) => panic!("{other}"),
    };
    assert!(!overlaps([1, 1, 3, 4], [0, 0, 4, 1]));
    assert!(!overlaps([1, 1, 3, 4], [0, 0, -4, 1]));
    assert!(overlaps([1, 1, 3, 4], [0, 0, 3, 1]));
    assert!(overlaps([1, 1, 3, 4], [0, 0, 0, 1]));
    assert!(overlaps([2, 1, 1, 1], [0, 0, 0, 0]));
    assert!(!overlaps([1, 1, 1, 4], [0, 0, 0, 3]));
    assert!(overlaps([1, 2, 2, 2], [0, 1, 2, 3]));
}

#[test]
fn crops_and_reversals_name_the_elements_they_say() {
    let data: Vec<i32> = (0..24).collect();
    let image = View::plane(&data, [4, 6]).unwrap();
    let crop = image.rows(1..3).unwrap().columns(2..5).unwrap();
    assert_eq!(in_order(crop), [8, 9, 10, 14, 15, 16]);
    assert_eq!(in_order(crop.reverse_rows()), [14, 15, 16, 8, 9, 10]);
    assert_eq!(in_order(crop.reverse_columns().columns(0..2).unwrap()), [10, 9, 16, 15]);
    assert_eq!(crop.get([0, 0, 2, 0]), None);
    assert_eq!(crop.strides()[2..], [6, 1]);
}

/// Strides along axes that are empty or have one element are never taken and may be anything.
#[test]
fn strides_that_are_never_taken_may_be_anything() {
    let far = isize::MAX;
    let data = [1.0f32; 5];
    let cases = [
        (Conv::d2([5, 0], [1, 2]).padding(Padding::symmetric(0, 2)), [1, 1, 5, 0], [0, 0, far, 1]),
        (Conv::d2([1, 0], [1, 1]).batch(3).padding(Padding::columns(2)), [3, 1, 1, 0], [far, 0, 1, 1]),
        (Conv::d2([5, 1], [2, 3]).stride(2).padding(Padding::Full), [1, 1, 5, 1], [far, -far, 1, far]),
    ];
    for (conv, dims, strides) in cases {
        let input = View::strided(&data, 0, dims, strides).unwrap();
        for (strategy, isa) in combinations() {
            let plan = forced(&conv, strategy, isa).plan::<f32>().unwrap();
            let taps = vec![1.0; plan.kernel_shape().iter().product()];
            let packed = plan.pack(View::nchw(&taps, plan.kernel_shape()).unwrap(), None).unwrap();
            let mut y = vec![f32::NAN; plan.output_shape().iter().product()];
            let output = ViewMut::nchw(&mut y, plan.output_shape()).unwrap();
            plan.execute(&packed, input, output, &mut plan.workspace().unwrap()).unwrap();
            let exact = convolve::reference::convolve(
                &conv,
                input,
                View::nchw(&taps, plan.kernel_shape()).unwrap(),
                None,
                None,
            );
            for (y, exact) in y.iter().zip(exact.unwrap()) {
                assert_eq!(f64::from(y.round()), exact.value, "{strategy} {isa} {conv}");
            }
        }
    }
}
