//! The caller's memory: dirty, too small, reused, any alignment; no allocation while executing; one plan on several
//! threads, and the same bits on any number of them.

mod support;

use std::alloc::{GlobalAlloc, Layout as Allocation, System};
use std::cell::Cell;

use convolve::*;
use support::random::Random;
use support::run::{combinations, forced};

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: passes every call on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Allocation) -> *mut u8 {
        // A thread that is ending has no counter any more, and needs none.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: vouched for by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Allocation) {
        // SAFETY: vouched for by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

/// Requests that together reach every path of the strategies: in place, through bands, in several passes; packed
/// patches and planes in place; FFT tiles in one and two dimensions.
fn requests() -> Vec<Conv> {
    [
        "correlate in=40x50 kernel=5x5 channels=3:4 padding=same border=reflect101",
        "correlate in=33x47 kernel=3x3 channels=4:4 groups=4 stride=2x2 layout=nhwc padding=same activation=relu",
        "correlate in=20x20 kernel=1x1 channels=70:20",
        "convolve in=5000 kernel=300 padding=full",
        "correlate in=90x30 kernel=70x20 dilation=1x2 padding=same accumulate=1",
        "correlate in=64 kernel=3",
        "convolve in=300 kernel=16 padding=full",
        "convolve in=20000 kernel=9 padding=same border=wrap batch=2",
        "correlate in=60x70 kernel=9x8 channels=3:3 groups=3 layout=nhwc padding=same strategy=fft",
    ]
    .map(|text| text.parse().expect("a problem string"))
    .to_vec()
}

/// A plan with operands, ready to execute.
struct Ready {
    plan: Plan<f32>,
    packed: PackedKernel<f32>,
    input: Vec<f32>,
    kernel: Vec<f32>,
}

impl Ready {
    fn new(conv: &Conv) -> Self {
        let plan = conv.plan::<f32>().expect("a valid request");
        let mut random = Random(51);
        let count = |shape: [usize; 4]| shape.iter().product();
        let input = random.reals(count(plan.input_shape()));
        let kernel: Vec<f32> = random.reals(count(plan.kernel_shape()));
        let packed = plan.pack(View::nchw(&kernel, plan.kernel_shape()).expect("fits"), None).expect("fits");
        Ready { plan, packed, input, kernel }
    }

    /// With a kernel that is a sum of two columns times rows, of which the plan knows.
    fn separable(conv: &Conv) -> Self {
        let shape = Ready::new(&conv.clone().strategy("direct")).plan.kernel_shape();
        let mut random = Random(52);
        let [outputs, _, rows, columns] = shape;
        let mut sum = vec![0.0; outputs * rows * columns];
        for _ in 0..2 {
            let (column, row): (Vec<f32>, Vec<f32>) = (random.reals(outputs * rows), random.reals(columns));
            for (at, tap) in sum.iter_mut().enumerate() {
                *tap += f64::from(column[at / columns]) * f64::from(row[at % columns]);
            }
        }
        let kernel: Vec<f32> = sum.into_iter().map(|tap| tap as f32).collect();
        let view = View::nchw(&kernel, shape).expect("fits");
        let plan = conv
            .clone()
            .strategy("separable")
            .with_kernel(view, None)
            .expect("a valid request")
            .plan()
            .clone();
        let packed = plan.pack(view, None).expect("fits");
        let input = random.reals(plan.input_shape().iter().product());
        Ready { plan, packed, input, kernel }
    }

    fn input(&self) -> View<'_, f32> {
        View::nchw(&self.input, self.plan.input_shape()).expect("fits")
    }

    fn kernel(&self) -> View<'_, f32> {
        View::nchw(&self.kernel, self.plan.kernel_shape()).expect("fits")
    }

    fn output(&self) -> Vec<f32> {
        vec![0.5; self.plan.output_shape().iter().product()]
    }

    fn execute(&self, output: &mut [f32], workspace: &mut [u8]) -> Result<(), Error> {
        let output = ViewMut::nchw(output, self.plan.output_shape()).expect("fits");
        self.plan.execute_in(&self.packed, self.input(), output, workspace)
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn for_each_ready(mut check: impl FnMut(&str, Ready)) {
    for conv in requests() {
        for (strategy, isa) in combinations() {
            check(&format!("{strategy} {isa} {conv}"), Ready::new(&forced(&conv, strategy, isa)));
        }
    }
    for isa in InstructionSet::available().expect("CONVOLVE_ISA is a known name") {
        for text in [
            "correlate in=40x300 kernel=9x21 padding=same border=wrap",
            "correlate in=33x47 kernel=5x6 channels=4:4 groups=4 stride=2x2 layout=nhwc padding=same activation=relu",
        ] {
            let conv = text.parse::<Conv>().expect("a problem string").instruction_set(*isa);
            check(&format!("separable {isa} {conv}"), Ready::separable(&conv));
        }
    }
}

#[test]
fn executing_and_repacking_allocate_nothing() {
    assert!(allocations(|| drop(vec![1u8])) == 1, "the counter counts");
    for_each_ready(|name, mut ready| {
        let (mut output, mut workspace) = (ready.output(), vec![0; ready.plan.workspace_bytes()]);
        assert_eq!(allocations(|| ready.execute(&mut output, &mut workspace).unwrap()), 0, "{name}");
        let kernel = ready.kernel.clone();
        let kernel = View::nchw(&kernel, ready.plan.kernel_shape()).unwrap();
        let Ready { plan, packed, .. } = &mut ready;
        assert_eq!(allocations(|| plan.pack_into(packed, kernel, None).unwrap()), 0, "{name}");
    });
}

#[test]
fn a_one_liner_allocates_its_result_and_what_plans_and_packed_kernels_take() {
    let (x, h) = ([1.0f32; 300], [0.5f32; 16]);
    let padding = Padding::Explicit { top: 0, bottom: 0, left: 15, right: 15 };
    let conv = Conv::d1(300, 16).convolution().padding(padding);
    let once = || drop(convolve(&x, &h, Mode::Full).expect("not empty"));
    once(); // what is found out once and remembered may allocate
    let prepared = allocations(|| {
        let convolver = conv.with_kernel(View::signal(&h), None).expect("a valid request");
        drop(convolver.workspace().expect("small"));
    });
    assert_eq!(allocations(once), prepared + 1);
}

#[test]
fn what_the_workspace_holds_and_where_it_starts_changes_nothing() {
    for_each_ready(|name, ready| {
        let bytes = ready.plan.workspace_bytes();
        let mut results = Vec::new();
        for fill in [0x00, 0xff, 0x7f] {
            for offset in [0, 1, 60] {
                let mut memory = vec![fill; bytes + offset];
                let mut output = ready.output();
                ready.execute(&mut output, &mut memory[offset..]).unwrap();
                results.push(bits(&output));
            }
        }
        assert!(results.iter().all(|result| *result == results[0]), "{name}");
    });
}

#[test]
fn nothing_behind_the_workspace_is_touched() {
    for_each_ready(|name, ready| {
        let bytes = ready.plan.workspace_bytes();
        let mut memory = vec![0xa5; bytes + 4096];
        ready.execute(&mut ready.output(), &mut memory[..bytes]).unwrap();
        assert!(memory[bytes..].iter().all(|&byte| byte == 0xa5), "{name}");
    });
}

#[test]
fn too_small_a_workspace_is_refused_before_anything_is_written() {
    for_each_ready(|name, ready| {
        let bytes = ready.plan.workspace_bytes();
        if bytes > 0 {
            let mut output = ready.output();
            let got = ready.execute(&mut output, &mut vec![0; bytes - 1]);
            assert_eq!(got, Err(Error::WorkspaceTooSmall { expected: bytes, got: bytes - 1 }), "{name}");
            assert!(output.iter().all(|&value| value == 0.5), "{name}");
        }
    });
}

#[test]
fn one_workspace_serves_plans_of_all_kinds() {
    let mut workspace = Workspace::new();
    for_each_ready(|name, ready| {
        let mut fresh = ready.output();
        ready.execute(&mut fresh, &mut vec![0; ready.plan.workspace_bytes()]).unwrap();
        workspace.grow_to(ready.plan.workspace_bytes()).unwrap();
        let mut output = ready.output();
        ready.execute(&mut output, workspace.as_mut_slice()).unwrap();
        assert_eq!(bits(&output), bits(&fresh), "{name}");
    });
}

#[test]
fn direct_and_gemm_need_little_workspace_whatever_the_problem() {
    for text in [
        "correlate in=100000x100000 kernel=3000x3000 channels=512:512 padding=same",
        "correlate f64 in=1000000000 kernel=100000000 dilation=3 padding=full border=wrap",
        "correlate in=5000x5000 kernel=7x7 stride=1000x1000 channels=64:64 layout=nhwc",
    ] {
        for strategy in ["direct", "gemm"] {
            let conv: Conv = text.parse::<Conv>().unwrap().strategy(strategy);
            let bytes = match text.contains("f64") {
                true => conv.plan::<f64>().unwrap().workspace_bytes(),
                false => conv.plan::<f32>().unwrap().workspace_bytes(),
            };
            assert!(bytes < 4 << 20, "{strategy} {text}: {bytes}");
        }
    }
}

#[test]
fn what_strides_leave_out_takes_no_workspace() {
    for text in [
        "correlate in=3x5 kernel=3x1 channels=12:3 groups=3 stride=1x524288 padding=1,1,262144,524288 border=replicate",
        "correlate in=5x3 kernel=1x3 channels=12:24 stride=524288x1 padding=262144,524288,1,1 layout=nhwc",
    ] {
        for strategy in strategies() {
            let conv = text.parse::<Conv>().unwrap().strategy(strategy);
            // What a transform takes grows with what it transforms.
            if let (Ok(plan), false) = (conv.plan::<f64>(), strategy == "fft") {
                assert!(plan.workspace_bytes() < 1 << 20, "{strategy} {text}: {}", plan.workspace_bytes());
            }
        }
    }
}

/// Scoped threads, as many as asked for.
struct Scoped(usize);

impl Executor for Scoped {
    fn threads(&self) -> usize {
        self.0
    }

    fn broadcast(&self, work: &(dyn Fn() + Sync)) {
        std::thread::scope(|scope| (0..self.0).for_each(|_| drop(scope.spawn(work))));
    }
}

/// Says that it has threads, and never calls.
struct Idle;

impl Executor for Idle {
    fn threads(&self) -> usize {
        3
    }

    fn broadcast(&self, _work: &(dyn Fn() + Sync)) {}
}

/// Work long enough for threads to be used.
fn large_requests() -> Vec<Conv> {
    ["correlate in=300x310 kernel=9x9 channels=2:4 padding=same", "convolve in=400000 kernel=40 padding=full"]
        .map(|text| text.parse().expect("a problem string"))
        .to_vec()
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for conv in large_requests() {
        for strategy in strategies() {
            let Ok(_) = conv.clone().strategy(strategy).plan::<f32>() else { continue };
            let ready = Ready::new(&conv.clone().strategy(strategy));
            let mut serial = ready.output();
            ready.execute(&mut serial, &mut vec![0; ready.plan.workspace_bytes()]).unwrap();
            let run = |executor: &dyn Executor| {
                let bytes = ready.plan.workspace_bytes_for(executor.threads());
                let mut output = ready.output();
                let view = ViewMut::nchw(&mut output, ready.plan.output_shape()).unwrap();
                let mut workspace = Workspace::with_bytes(bytes).unwrap();
                ready
                    .plan
                    .execute_with(executor, &ready.packed, ready.input(), view, &mut workspace)
                    .unwrap();
                assert_eq!(bits(&output), bits(&serial), "{strategy} {} threads", executor.threads());
            };
            [1, 2, 3, 7].into_iter().for_each(|threads| run(&Scoped(threads)));
            run(&Serial);
            run(&Idle);
            #[cfg(feature = "rayon")]
            run(&rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap());
        }
    }
}

#[test]
fn threads_need_their_share_of_workspace() {
    let ready = Ready::new(&large_requests()[0].clone().strategy("direct"));
    let (one, three) = (ready.plan.workspace_bytes(), ready.plan.workspace_bytes_for(3));
    assert!(three > 2 * one && one > 0);
    let mut output = ready.output();
    let view = ViewMut::nchw(&mut output, ready.plan.output_shape()).unwrap();
    let mut workspace = Workspace::with_bytes(one).unwrap();
    let got = ready.plan.execute_with(&Scoped(3), &ready.packed, ready.input(), view, &mut workspace);
    assert_eq!(got, Err(Error::WorkspaceTooSmall { expected: three, got: one }));
}

#[test]
fn one_convolver_serves_several_threads_at_once() {
    fn shared<S: Send + Sync + Clone>(_: &S) {}
    for strategy in strategies() {
        let conv = requests()[0].clone().strategy(strategy);
        let Ok(_) = conv.plan::<f32>() else { continue };
        let ready = Ready::new(&conv);
        let convolver = conv.with_kernel(ready.kernel(), None).unwrap();
        shared(&convolver);
        shared(convolver.plan());
        let mut expected = ready.output();
        ready.execute(&mut expected, &mut vec![0; ready.plan.workspace_bytes()]).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut workspace = convolver.workspace().unwrap();
                    for _ in 0..20 {
                        let mut output = ready.output();
                        let view = ViewMut::nchw(&mut output, convolver.output_shape()).unwrap();
                        convolver.execute(ready.input(), view, &mut workspace).unwrap();
                        assert_eq!(bits(&output), bits(&expected));
                    }
                });
            }
        });
    }
}

#[test]
fn plans_of_other_sizes_share_a_packed_kernel() {
    let conv = |size, batch| Conv::d2(size, [3, 3]).channels(2, 3).batch(batch).padding(Padding::Same);
    let ready = Ready::new(&conv([10, 12], 1).strategy("gemm"));
    let other = conv([7, 5], 4).strategy("gemm").plan::<f32>().unwrap();
    let (x, mut y) = (vec![1.0; 4 * 2 * 35], vec![0.0; 4 * 3 * 35]);
    let (input, output) =
        (View::nchw(&x, [4, 2, 7, 5]).unwrap(), ViewMut::nchw(&mut y, [4, 3, 7, 5]).unwrap());
    other.execute(&ready.packed, input, output, &mut other.workspace().unwrap()).unwrap();
    let sum: f32 = ready.kernel[..18].iter().sum();
    approx::assert_abs_diff_eq!(y[2 * 5 + 2], sum, epsilon = 1e-5);
}
