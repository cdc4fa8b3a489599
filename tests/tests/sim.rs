//! Seeds of the simulated world. `SEED=17 cargo nextest run -E 'test(a_seed_alone)'` replays one with its log;
//! `SEEDS=200-2000 cargo nextest run -E 'test(seeds_to_try)'` runs others.

use std::env;

use tests::world::{self, Planted};

#[test]
fn the_smallest_world_settles() {
    let mut world = world::World::new(1, None, env::var("SEED").is_ok()).unwrap();
    world.smoke().unwrap();
}

fn seeds(range: std::ops::Range<u64>) {
    let mut failed = Vec::new();
    for seed in range {
        if let Err(error) = world::run(seed, None, false) {
            failed.push(format!("seed {seed}: {error:#}"));
        }
    }
    assert!(failed.is_empty(), "{} fail:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn seeds_0_to_50_keep_every_promise() {
    seeds(0..50);
}

#[test]
fn seeds_50_to_100_keep_every_promise() {
    seeds(50..100);
}

#[test]
fn seeds_100_to_150_keep_every_promise() {
    seeds(100..150);
}

#[test]
fn seeds_150_to_200_keep_every_promise() {
    seeds(150..200);
}

#[test]
fn a_seed_replays_byte_for_byte() {
    for seed in 0..20 {
        assert_eq!(
            world::run(seed, None, false).unwrap(),
            world::run(seed, None, false).unwrap(),
            "seed {seed}"
        );
    }
}

#[test]
fn the_oracle_sees_what_is_forgotten() {
    for planted in [Planted::VanForgets, Planted::HubForgets] {
        assert!(
            (0..24).any(|seed| world::run(seed, Some(planted), false).is_err()),
            "{planted:?} goes unseen"
        );
    }
}

#[test]
fn a_seed_alone() {
    let Ok(seed) = env::var("SEED") else { return };
    let outcome = world::run(seed.parse().unwrap(), None, true);
    eprintln!("{outcome:?}");
    outcome.unwrap();
}

#[test]
fn seeds_to_try() {
    let Ok(text) = env::var("SEEDS") else { return };
    let (first, last) = text.split_once('-').unwrap();
    seeds(first.parse().unwrap()..last.parse().unwrap());
}
