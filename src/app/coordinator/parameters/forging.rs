//! Attacks in studies of robust rules: the updates of the attackers are put in the place of what they trained.

use std::collections::BTreeSet;
use std::io;

use super::singles::Singles;
use super::values::{from_single, in_single};
use crate::fed::Plan;
use crate::fed::attack::{ATTACKS, Scene, Target};
use crate::ml::layout::DType;
use crate::seed::Purpose;

/// Puts forged updates in the place of those of the attackers. What could not be summed a coordinator would have
/// refused, so it is taken out.
pub fn forge(
    singles: &mut Singles,
    plan: &Plan,
    attackers: &BTreeSet<u32>,
    (round, dtype): (u32, DType),
) -> Result<(), String> {
    let Some(assault) = &plan.assault else {
        return Ok(());
    };
    let attack = ATTACKS
        .build(&assault.attack)
        .map_err(|error| error.to_string())?;
    if attack.target() == Target::Data {
        return Ok(());
    }
    let updates = values(singles, dtype).map_err(|error| error.to_string())?;
    let is_attacker = |shard: &u32| attackers.contains(shard);
    let honest = updates.iter().filter(|(shard, _)| !is_attacker(shard));
    let honest: Vec<&[f32]> = honest.map(|(_, values)| values.as_slice()).collect();
    for (shard, own) in updates.iter().filter(|(shard, _)| is_attacker(shard)) {
        let scene = Scene {
            own,
            honest: &honest,
            updates: updates.len(),
            attackers: updates.len() - honest.len(),
        };
        let mut stream = plan.seed.stream(Purpose::Attack, round, u64::from(*shard));
        let forged = attack.forge(&scene, &mut stream);
        let largest = plan.largest_update as f32;
        if forged.iter().all(|value| value.abs() <= largest) {
            singles.replace(*shard, from_single(dtype, &forged).into());
        } else {
            singles.remove(*shard);
        }
    }
    if singles.len() == 0 {
        return Err(format!("round {round}: no update is left after the attack"));
    }
    Ok(())
}

/// All updates as numbers, in single precision.
fn values(singles: &Singles, dtype: DType) -> io::Result<Vec<(u32, Vec<f32>)>> {
    singles
        .iter()
        .map(|(shard, one)| Ok((shard, in_single(dtype, &one.update.whole()?))))
        .collect()
}
