//! Gives a sound the echo of a hall: convolution with the hall's impulse response, which is made here.
//!
//! ```text
//! cargo run --release --example reverb                        makes its own sound, writes target/reverb/
//! cargo run --release --example reverb -- in.wav out.wav      any WAV file, mono or stereo
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use convolve::{Conv, Convolver, Layout, Padding, View, ViewMut};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// How long the hall sounds after the source has stopped.
const REVERBERATION_SECONDS: f32 = 2.0;
/// Loudness of the hall beside the source.
const WET: f32 = 0.35;

/// Samples between -1 and 1, the channels of a frame side by side.
struct Sound {
    spec: WavSpec,
    samples: Vec<f32>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (dry, output) = match &arguments[..] {
        [] => {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/reverb");
            std::fs::create_dir_all(&folder)?;
            let dry = plucked_strings();
            write(&folder.join("dry.wav"), &dry)?;
            (dry, folder.join("wet.wav"))
        }
        [input, output] => (read(input)?, output.clone()),
        _ => return Err("expected two WAV files, the one to read and the one to write, or none".into()),
    };
    let wet = reverberate(&dry)?;
    write(&output, &wet)?;
    println!("written to {}", output.display());
    Ok(())
}

/// The sound in the hall, as long as the sound and its echo, and no louder than full scale.
fn reverberate(dry: &Sound) -> Result<Sound, convolve::Error> {
    let channels = usize::from(dry.spec.channels);
    let frames = dry.samples.len() / channels;
    let hall = impulse_response(dry.spec.sample_rate as f32, channels);
    let taps = hall.len() / channels;
    // Each channel has its own response; `Nhwc` is how WAV files store channels.
    let conv = Conv::d1(frames, taps).channels(channels, channels).groups(channels);
    let conv = conv.convolution().padding(Padding::Full).layout(Layout::Nhwc);
    let convolver: Convolver<f32> = conv.with_kernel(View::nchw(&hall, [channels, 1, 1, taps])?, None)?;

    let frames_out = convolver.output_shape()[3];
    let mut samples = vec![0.0; frames_out * channels];
    let mut workspace = convolver.workspace()?;
    let input = View::nhwc(&dry.samples, [1, 1, frames, channels])?;
    let output = ViewMut::nhwc(&mut samples, [1, 1, frames_out, channels])?;
    let start = Instant::now();
    convolver.execute(input, output, &mut workspace)?;
    let seconds = start.elapsed().as_secs_f64();

    let duration = frames as f64 / f64::from(dry.spec.sample_rate);
    println!("{duration:.2} s of sound, {channels} channel(s), {taps} taps: {}", convolver.plan().strategy());
    println!("computed in {:.1} ms, {:.0} times faster than it plays", 1e3 * seconds, duration / seconds);
    let peak = samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    if peak > 1.0 {
        samples.iter_mut().for_each(|sample| *sample /= peak);
    }
    Ok(Sound { spec: dry.spec, samples })
}

/// What the hall answers to a clap: the clap itself, a few echoes from the walls, and noise that decays by 60 dB. The
/// responses of all channels, one after the other.
fn impulse_response(sample_rate: f32, channels: usize) -> Vec<f32> {
    /// Milliseconds and loudness.
    const ECHOES: [(f32, f32); 5] = [(13.0, 0.5), (19.0, 0.4), (29.0, 0.35), (37.0, 0.3), (53.0, 0.25)];
    const TAIL_STARTS_MILLISECONDS: f32 = 40.0;

    let taps = (REVERBERATION_SECONDS * sample_rate) as usize + 1;
    let tap_at = |milliseconds: f32| ((milliseconds * 1e-3 * sample_rate) as usize).min(taps - 1);
    let mut noise = Noise(7);
    let mut responses = Vec::with_capacity(channels * taps);
    for channel in 0..channels {
        let decay = |tap: usize| (-1000f32.ln() * tap as f32 / taps as f32).exp();
        let mut response: Vec<f32> = (0..taps).map(|tap| noise.next() * decay(tap)).collect();
        response[..tap_at(TAIL_STARTS_MILLISECONDS)].fill(0.0);
        // As loud as the source for sounds without a pitch.
        let loudness = response.iter().map(|tap| tap * tap).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        response.iter_mut().for_each(|tap| *tap *= WET / loudness);
        for (milliseconds, gain) in ECHOES {
            // Not quite the same left and right, which is what makes a hall sound wide.
            response[tap_at(milliseconds + 1.7 * channel as f32)] += WET * gain;
        }
        // The dry sound is part of the response: one convolution gives the mix.
        response[0] = 1.0;
        responses.extend(response);
    }
    responses
}

/// A few plucked strings (Karplus and Strong 1983): noise that runs in a circle as long as a period, and loses its
/// high frequencies on the way.
fn plucked_strings() -> Sound {
    /// In hertz: a chord, up and down.
    const NOTES: [f32; 9] = [220.0, 277.2, 329.6, 440.0, 554.4, 440.0, 329.6, 277.2, 220.0];

    let spec =
        WavSpec { channels: 1, sample_rate: 44100, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let rate = spec.sample_rate as f32;
    let mut samples = vec![0.0; 4 * spec.sample_rate as usize];
    let mut noise = Noise(1);
    for (note, frequency) in NOTES.iter().enumerate() {
        let mut circle: Vec<f32> = (0..(rate / frequency) as usize).map(|_| 0.4 * noise.next()).collect();
        let start = (0.3 * note as f32 * rate) as usize;
        for (i, sample) in samples[start..].iter_mut().enumerate() {
            let (here, next) = (i % circle.len(), (i + 1) % circle.len());
            *sample += circle[here];
            circle[here] = 0.498 * (circle[here] + circle[next]);
        }
    }
    samples.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
    Sound { spec, samples }
}

/// Uniform numbers between -1 and 1, the same at every run: Knuth's generator MMIX, of which the upper bits are good.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// The value of full scale.
fn full_scale(spec: WavSpec) -> f32 {
    match spec.sample_format {
        SampleFormat::Int => (1u32 << (spec.bits_per_sample - 1)) as f32,
        SampleFormat::Float => 1.0,
    }
}

fn read(path: &Path) -> Result<Sound, String> {
    let message = |error: hound::Error| format!("cannot read {}: {error}", path.display());
    let reader = WavReader::open(path).map_err(message)?;
    let spec = reader.spec();
    let scale = full_scale(spec);
    let samples: Result<Vec<f32>, _> = match spec.sample_format {
        SampleFormat::Int => {
            reader.into_samples().map(|sample: Result<i32, _>| Ok(sample? as f32 / scale)).collect()
        }
        SampleFormat::Float => reader.into_samples().collect(),
    };
    let samples = samples.map_err(message)?;
    if samples.is_empty() {
        return Err(format!("{} holds no sound", path.display()));
    }
    Ok(Sound { spec, samples })
}

fn write(path: &Path, sound: &Sound) -> Result<(), String> {
    let write_samples = || {
        let mut writer = WavWriter::create(path, sound.spec)?;
        let scale = full_scale(sound.spec);
        for &sample in &sound.samples {
            match sound.spec.sample_format {
                SampleFormat::Int => writer.write_sample((sample * scale).round().min(scale - 1.0) as i32)?,
                SampleFormat::Float => writer.write_sample(sample)?,
            }
        }
        writer.finalize()
    };
    write_samples().map_err(|error: hound::Error| format!("cannot write {}: {error}", path.display()))
}
