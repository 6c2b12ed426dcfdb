//! Views of any shape: constructors refuse what leaves the slice or overlaps, and executing through what they accept
//! touches nothing else.

mod grid;
mod placed;

use convolve::reference::{self, Exact};
use convolve::{Declined, Element, Error, Plan, View, ViewMut};

use super::Reached;
use super::bytes::Bytes;
use super::operands::{Seed, assert_exact, assert_refusal_is_due, indices, is_affordable, is_packable};
use super::request::{Request, available_instruction_set, hostile_size};
use grid::Grid;
use placed::Placed;

/// Views of at most so many elements are enumerated.
const MOST_ELEMENTS: usize = 4096;

/// The first byte decides between making views and executing through them.
pub fn check(data: &[u8]) -> Reached {
    let mut bytes = Bytes::new(data);
    if bytes.flag() {
        check_constructors(&mut bytes);
        return Reached::default();
    }
    let instruction_set = available_instruction_set(&mut bytes);
    if bytes.flag() {
        execute::<f64>(&mut bytes, instruction_set)
    } else {
        execute::<f32>(&mut bytes, instruction_set)
    }
}

/// Makes views of a slice in every way, at times out of it.
fn check_constructors(bytes: &mut Bytes<'_>) {
    let (grid, len) = if bytes.flag() { nearly_nested(bytes) } else { hostile(bytes) };
    let mut data: Vec<f32> = (0..len).map(|i| i as f32).collect();
    let origin = usize::try_from(grid.origin).expect("it was made from one");
    let view = View::strided(&data, origin, grid.dims, grid.strides);
    assert_eq!(view.is_ok(), grid.stays_inside(len), "{grid:?} in {len}: {view:?}");
    if let Ok(view) = view {
        check_derived(bytes, view, grid, &data);
    }
    check_writable(&mut data, origin, &grid);
    check_dense(&mut data, grid.dims);
}

/// Any grid, and the length of a slice.
fn hostile(bytes: &mut Bytes<'_>) -> (Grid, usize) {
    let dims = [(); 4].map(|()| if bytes.below(16) == 1 { hostile_size(bytes) } else { bytes.below(6) });
    let strides = [(); 4].map(|()| hostile_stride(bytes));
    let origin = if bytes.below(8) == 1 { hostile_size(bytes) } else { bytes.below(200) };
    (Grid { dims, strides, origin: origin as i128 }, bytes.below(200))
}

/// A grid on the border between what is accepted and what is not: a stride or the slice may be off by one.
fn nearly_nested(bytes: &mut Bytes<'_>) -> (Grid, usize) {
    let dims = [(); 4].map(|()| bytes.below(6));
    let mut grid = Grid::nested(bytes, dims);
    let axis = bytes.below(4);
    grid.strides[axis] = grid.strides[axis].wrapping_add(bytes.pick(&[0, 1, -1]));
    let (grid, len) = grid.moved_behind(0).expect("axes of few elements reach few");
    (grid, len.saturating_sub(bytes.pick(&[0, 0, 1])))
}

fn hostile_stride(bytes: &mut Bytes<'_>) -> isize {
    match bytes.byte() {
        byte @ 0..224 => isize::from(byte % 64) - 16,
        224 => isize::MIN,
        225 => isize::MIN + 1,
        226 => isize::MAX,
        _ => hostile_size(bytes) as isize,
    }
}

/// Crops and reverses a view, following each step in the model.
fn check_derived(bytes: &mut Bytes<'_>, mut view: View<'_, f32>, mut grid: Grid, data: &[f32]) {
    assert_reads(&view, &grid, data);
    for _ in 0..bytes.below(5) {
        let axis = 2 + bytes.below(2);
        if bytes.flag() {
            view = if axis == 2 { view.reverse_rows() } else { view.reverse_columns() };
            grid = grid.reversed(axis);
        } else {
            let [start, end] =
                [(); 2].map(|()| if bytes.below(16) == 1 { hostile_size(bytes) } else { bytes.below(6) });
            let cropped = if axis == 2 { view.rows(start..end) } else { view.columns(start..end) };
            assert_eq!(cropped.is_ok(), start <= end && end <= grid.dims[axis], "{start}..{end} of {grid:?}");
            let Ok(cropped) = cropped else { return };
            view = cropped;
            grid = grid.cropped(axis, start..end);
        }
        assert_reads(&view, &grid, data);
    }
}

/// The view has the elements of the model and no others.
fn assert_reads(view: &View<'_, f32>, grid: &Grid, data: &[f32]) {
    assert_eq!(view.dims(), grid.dims);
    for axis in 0..4 {
        let mut outside = [0; 4];
        outside[axis] = grid.dims[axis];
        assert_eq!(view.get(outside), None, "{grid:?} at {outside:?}");
    }
    assert_eq!(view.get([usize::MAX; 4]), None);
    if grid.count().is_some_and(|count| count <= MOST_ELEMENTS) {
        for at in indices(grid.dims) {
            assert_eq!(view.get(at), Some(data[grid.index(at)]), "{grid:?} at {at:?}");
        }
    }
}

/// What is accepted for writing lies inside and does not overlap; what nests is accepted.
fn check_writable(data: &mut [f32], origin: usize, grid: &Grid) {
    let len = data.len();
    match ViewMut::strided(data, origin, grid.dims, grid.strides) {
        Ok(view) => {
            assert!(grid.stays_inside(len), "{grid:?} leaves {len} elements");
            assert_eq!((view.dims(), view.strides()), (grid.dims, grid.strides));
            assert!(grid.count().is_some_and(|count| count <= len), "{grid:?} overlaps in {len} elements");
            assert!(grid.is_distinct(), "{grid:?} overlaps");
        }
        Err(Error::OutOfBounds { .. }) => {
            assert!(!grid.stays_inside(len), "{grid:?} lies inside {len} elements")
        }
        Err(Error::Overlap { .. }) => assert!(!grid.nests(), "{grid:?} nests"),
        Err(error) => panic!("{grid:?}: {error}"),
    }
}

/// Dense views exist exactly where the slice has the length of the shape.
fn check_dense(data: &mut [f32], dims: [usize; 4]) {
    let len = data.len();
    let fits =
        |dims: &[usize]| dims.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim)) == Some(len);
    let plane = [dims[2], dims[3]];
    // Of an empty view, the strides may overflow although the length fits.
    let is_empty = dims.contains(&0);
    for made in [View::nchw(data, dims).is_ok(), View::nhwc(data, dims).is_ok()] {
        assert!(made == fits(&dims) || is_empty, "{dims:?} in {len}");
    }
    assert!(View::plane(data, plane).is_ok() == fits(&plane) || is_empty, "{plane:?} in {len}");
    assert_eq!(View::signal(data).dims(), [1, 1, 1, len]);
    for made in [ViewMut::nchw(data, dims).is_ok(), ViewMut::nhwc(data, dims).is_ok()] {
        assert!(made == fits(&dims) || is_empty, "{dims:?} in {len}");
    }
    assert_eq!(ViewMut::signal(data).dims(), [1, 1, 1, len]);
}

/// The operands of one execution, each somewhere in its own memory, and what should come out.
struct Operands<T> {
    input: Placed<T>,
    kernel: Placed<T>,
    output: Placed<T>,
    bias: Option<Vec<T>>,
    expected: Vec<Exact>,
}

/// Executes a small request with every strategy.
fn execute<T: Element>(bytes: &mut Bytes<'_>, instruction_set: &'static str) -> Reached {
    let mut reached = Reached::default();
    let mut request = Request::small(bytes);
    request.instruction_set = Some(instruction_set);
    if !is_affordable(&request) {
        return reached;
    }
    let mut operands: Option<Option<Operands<T>>> = None;
    for strategy in convolve::strategies() {
        request.strategy = Some(strategy);
        let plan = match &operands {
            // Depends on the values of the kernel, which strides of zero make separable.
            Some(Some(operands)) if strategy == "separable" => {
                let planned = request.conv().with_kernel(operands.kernel.view(), None);
                planned.map(|convolver| convolver.plan().clone())
            }
            _ => request.conv().plan::<T>(),
        };
        match plan {
            Err(Error::Declined { strategy: "separable", reason: Declined::Values { .. } }) => {}
            Ok(plan) if !is_packable(&plan) => {}
            Ok(plan) => {
                let operands = operands.get_or_insert_with(|| place(bytes, &request, &plan));
                let Some(operands) = operands else { return reached };
                execute_plan(&plan, operands);
                if !plan.output_shape().contains(&0) {
                    reached.add(&plan);
                }
            }
            Err(error) => assert_refusal_is_due(&request, strategy, &error),
        }
    }
    reached
}

/// Places the operands; `None` if they would be too large.
fn place<T: Element>(bytes: &mut Bytes<'_>, request: &Request, plan: &Plan<T>) -> Option<Operands<T>> {
    let seed = Seed(bytes.byte());
    let [input, kernel] = [plan.input_shape(), plan.kernel_shape()].map(|dims| Grid::shared(bytes, dims));
    let output = Grid::nested(bytes, plan.output_shape());
    let old: Vec<T> = match request.accumulate {
        0.0 => vec![T::from_f64(f64::NAN)],
        _ => seed.integers(3, 100),
    };
    let guard = T::from_f64(f64::NAN);
    let input = Placed::new(input, &seed.integers(0, 1000), guard)?;
    let kernel = Placed::new(kernel, &seed.integers(1, 1000), guard)?;
    let output = Placed::new(output, &old, T::from_f64(12345.0))?;
    let bias = bytes.flag().then(|| seed.integers(2, plan.output_shape()[1]));
    let expected = by_definition(request, [&input, &kernel, &output], bias.as_deref());
    Some(Operands { input, kernel, output, bias, expected })
}

/// The reference sees dense copies of input, kernel and output, so that it does not depend on strides.
fn by_definition<T: Element>(request: &Request, placed: [&Placed<T>; 3], bias: Option<&[T]>) -> Vec<Exact> {
    let dense = placed.map(Placed::elements);
    let view =
        |operand: usize| View::nchw(&dense[operand], placed[operand].grid.dims).expect("copies are dense");
    reference::convolve(&request.definition(), view(0), view(1), bias, Some(view(2)))
        .expect("it has been planned")
}

/// The outputs are exact, and the memory around them is as it was.
fn execute_plan<T: Element>(plan: &Plan<T>, operands: &Operands<T>) {
    let Operands { input, kernel, output, bias, expected } = operands;
    let packed = plan.pack(kernel.view(), bias.as_deref()).expect("the kernel has the shape of the plan");
    let mut computed = output.clone();
    let mut workspace = plan.workspace().expect("it is small");
    plan.execute(&packed, input.view(), computed.view_mut(), &mut workspace)
        .expect("shapes are those of the plan");
    let case = format!("{plan:?} {} on {:?}, {:?}, {:?}", T::TYPE, input.grid, kernel.grid, output.grid);
    assert_exact(&case, plan.strategy(), expected, computed.elements().into_iter().map(T::to_f64));
    computed.assert_same_guards(output, &case);
}
