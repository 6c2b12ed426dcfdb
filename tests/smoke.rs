use convolve::*;
fn fill(n: usize, seed: u64) -> Vec<f32> { let mut s = seed; (0..n).map(|_| { s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); ((s >> 59) as i64 - 16) as f32 }).collect() }
#[test]
fn smoke() {
    let cases = ["correlate in=9x17 kernel=3x3 padding=same", "convolve in=100 kernel=7 padding=full", "correlate in=20x33 kernel=5x4 channels=6:4 groups=2 stride=2x3 dilation=2x1 padding=same batch=2 border=reflect101",
     "correlate in=20x33 kernel=5x4 channels=6:40 stride=1x2 dilation=1x3 padding=9,8,7,6 border=wrap,symmetric,replicate,constant:3 layout=nhwc activation=relu", "correlate in=14x14 kernel=1x1 channels=64:30", "correlate in=40 kernel=9 stride=2 dilation=3 channels=3:5 padding=same accumulate=1"];
    for case in cases { for strategy in strategies() { for isa in InstructionSet::available().unwrap() {
        let conv: Conv = case.parse().unwrap();
        let conv = conv.strategy(strategy).instruction_set(isa.name());
        let plan = conv.plan::<f32>().unwrap();
        let i = plan.input_shape(); let k = plan.kernel_shape(); let o = plan.output_shape();
        let x = fill(i.iter().product(), 1); let h = fill(k.iter().product(), 2); let b = fill(o[1], 3);
        let y0 = fill(o.iter().product(), 4);
        let mut y = y0.clone();
        let nhwc = case.contains("nhwc");
        let xv = if nhwc { View::nhwc(&x, [i[0],i[2],i[3],i[1]]).unwrap() } else { View::nchw(&x, i).unwrap() };
        let hv = View::nchw(&h, k).unwrap();
        let packed = plan.pack(hv, Some(&b)).unwrap();
        { let yv = if nhwc { ViewMut::nhwc(&mut y, [o[0],o[2],o[3],o[1]]).unwrap() } else { ViewMut::nchw(&mut y, o).unwrap() };
        plan.execute(&packed, xv, yv, &mut plan.workspace().unwrap()).unwrap(); }
        let yo = if nhwc { View::nhwc(&y0, [o[0],o[2],o[3],o[1]]).unwrap() } else { View::nchw(&y0, o).unwrap() };
        let yv = if nhwc { View::nhwc(&y, [o[0],o[2],o[3],o[1]]).unwrap() } else { View::nchw(&y, o).unwrap() };
        let e = reference::convolve(&conv, xv, hv, Some(&b), Some(yo)).unwrap();
        let mut it = e.iter(); let mut worst = 0f64;
        for n in 0..o[0] { for c in 0..o[1] { for r in 0..o[2] { for q in 0..o[3] { worst = worst.max(it.next().unwrap().distance(yv.get([n,c,r,q]).unwrap() as f64)); } } } }
        println!("{case} {strategy} {isa}: {worst}");
        assert!(worst < if strategy == "fft" { 0.05 } else { 1e-9 });
    } } }
}
