//! The clock. Contestants take turns, so that what changes on the machine within a run changes for all of them.

use std::time::{Duration, Instant};

use crate::peers::{Contestant, Outcome};

const FEWEST_CALLS: usize = 4;
const FEWEST_ROUNDS: usize = 2;
/// Of all turns of a contestant, after which it has had its share. Only slow ones come near.
const MOST_TIME: Duration = Duration::from_secs(3);

/// Seconds of a call in each round: the mean of the fastest quarter.
pub struct Timing {
    pub rounds: Vec<f64>,
}

impl Timing {
    /// The lower quartile of the rounds.
    pub fn seconds(&self) -> f64 {
        let mut sorted = self.rounds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 4]
    }
}

/// In every round each contestant runs for a while; another one begins each time.
pub fn measure(
    contestants: &mut [Box<dyn Contestant>],
    rounds: usize,
    turn: Duration,
) -> Outcome<Vec<Timing>> {
    let count = contestants.len();
    let mut timings: Vec<_> = (0..count).map(|_| Timing { rounds: Vec::new() }).collect();
    let mut spent = vec![Duration::ZERO; count];
    for round in 0..rounds {
        for place in 0..count {
            let index = (round + place) % count;
            if round >= FEWEST_ROUNDS && spent[index] > MOST_TIME {
                continue;
            }
            let start = Instant::now();
            timings[index].rounds.push(take_turn(&mut *contestants[index], turn)?);
            spent[index] += start.elapsed();
        }
    }
    Ok(timings)
}

fn take_turn(contestant: &mut dyn Contestant, turn: Duration) -> Outcome<f64> {
    // Brings its operands back into the caches.
    contestant.run()?;
    let (mut calls, begin) = (Vec::new(), Instant::now());
    while calls.len() < FEWEST_CALLS || begin.elapsed() < turn {
        let start = Instant::now();
        contestant.run()?;
        calls.push(start.elapsed().as_secs_f64());
    }
    calls.sort_by(f64::total_cmp);
    let quarter = &calls[..calls.len().div_ceil(4)];
    Ok(quarter.iter().sum::<f64>() / quarter.len() as f64)
}
