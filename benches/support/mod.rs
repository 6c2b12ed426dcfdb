//! What the criterion benchmarks share.

use std::hint::black_box;

use convolve::{Error, Plan, View, ViewMut};

/// Values that are neither constant nor periodic over a vector; their size does not matter for the time.
pub(crate) fn values(count: usize) -> Vec<f32> {
    (0..count).map(|index| (index * 7919 % 1013) as f32 / 1013.0 - 0.5).collect()
}

/// One call of `execute`, everything before it done. It has been called once, so that it is known to succeed.
pub(crate) fn prepared(plan: &Plan<f32>) -> Result<impl FnMut() -> Result<(), Error> + use<>, Error> {
    let plan = plan.clone();
    let (input_shape, output_shape) = (plan.input_shape(), plan.output_shape());
    let kernel = values(plan.kernel_shape().iter().product());
    let packed = plan.pack(View::nchw(&kernel, plan.kernel_shape())?, None)?;
    let input = values(input_shape.iter().product());
    let mut output = vec![0.0; output_shape.iter().product()];
    let mut workspace = plan.workspace()?;
    let mut call = move || {
        let input = View::nchw(black_box(&input), input_shape)?;
        plan.execute(&packed, input, ViewMut::nchw(&mut output, output_shape)?, &mut workspace)
    };
    call()?;
    Ok(call)
}
