//! Lives of the coordinator: it crashes or is stopped, starts again, and takes up what the disk kept.

use std::time::Duration;

use roundtable::cluster::Time;
use roundtable::fed::Event;

use crate::checker::Kept;
use crate::disk::Death;
use crate::faults::HEAL_MICROS;
use crate::materials::Materials;
use crate::world::{Happening, World, Writing};

impl World {
    /// The coordinator crashes by chance.
    pub fn crash_now(&mut self) {
        let Some(mean) = self.weather.crash.filter(|_| self.now.0 < HEAL_MICROS) else {
            return;
        };
        // Sometimes again before it has done much.
        let soon = self.stream.chance(0.3);
        self.later(if soon { 300_000 } else { mean }, Happening::Crash);
        if self.up {
            let death = self.draw_death();
            self.crash(death);
        }
    }

    pub fn draw_death(&mut self) -> Death {
        if self.stream.chance(0.5) {
            Death::Kill
        } else {
            Death::PowerCut
        }
    }

    /// Everything is gone but what is on the disk.
    pub fn crash(&mut self, death: Death) {
        self.say(&format!("the coordinator ends: {death:?}"));
        self.meet(match death {
            Death::Kill => "coordinator killed",
            Death::PowerCut => "power cut",
        });
        self.end_life(death);
        let quickly = self.stream.chance(0.3);
        let mean = if quickly { 5_000 } else { 800_000 };
        self.later(mean, Happening::Start);
    }

    fn end_life(&mut self, death: Death) {
        self.count_situations();
        self.disk.crash(death, &mut self.stream);
        self.checker.crashed();
        self.materials = Materials::default();
        self.lies.forget();
        self.addresses.clear();
        (self.up, self.halting) = (false, false);
    }

    /// The coordinator is asked to stop: nodes are told, then what was taken in is written, then it ends.
    pub fn halt(&mut self) {
        if self.now.0 >= HEAL_MICROS || !self.up || self.halting {
            return;
        }
        self.meet("halted");
        self.halting = true;
        self.tell(Event::Halted);
        if self.up {
            self.later(50_000, Happening::Stopped(self.life));
        }
    }

    pub fn stopped(&mut self, life: u64) {
        if life != self.life || !self.up {
            return;
        }
        self.say("the coordinator has stopped");
        loop {
            // What is being written when it stops is written to the end.
            if self.disk_fails() {
                self.disk.fail("no space left on device");
            } else {
                self.disk.append();
                self.disk.sync();
            }
            if !self.disk.begin() {
                break;
            }
        }
        self.end_life(Death::Kill);
        self.later(800_000, Happening::Start);
        if let Some(mean) = self.weather.halt {
            self.later(mean, Happening::Halt);
        }
    }

    /// The coordinator starts, and takes up every run.
    pub fn start(&mut self) {
        if self.up {
            return;
        }
        self.life += 1;
        (self.up, self.began) = (true, self.now);
        self.federation = self.new_federation();
        let life = self.life;
        let listed = self.nodes.iter().filter(|node| node.listed);
        let addresses = listed.map(|node| node.address.clone()).collect();
        self.tell(Event::Listed(addresses));
        for run in self.disk.order.clone() {
            if !self.up || self.life != life {
                return; // it crashed while it took up its runs
            }
            let found = match self.disk.recover(&run) {
                Ok(found) => found,
                Err(reason) => {
                    let text = format!("{run} cannot be taken up: {reason}");
                    return self.violations.push(text);
                }
            };
            if found.torn {
                self.meet("torn journal");
            }
            if found.hole {
                self.meet("hole in a torn journal");
            }
            let kept = Kept {
                history: &found.history,
                entries: &found.entries,
            };
            self.checker.restored(self.now, &run, &kept);
            if let Some(wanted) = self.runs.get_mut(&run) {
                wanted.ended.clone_from(&found.history.ending);
                wanted.restored = found.history.rounds;
                wanted.restore(found.entries.values());
            }
            if found.history.ending.is_none() {
                self.meet("taken up after a crash");
            }
            let history = Box::new(found.history);
            self.tell(Event::Restored(run, found.plan, history));
        }
    }

    /// Lets the disk write what has gathered.
    pub fn begin_to_write(&mut self) {
        if self.up && self.disk.begin() {
            let delay = 100 + self.stream.below(self.weather.disk_delay);
            let stage = Happening::Disk(self.life, Writing::Parameters);
            self.schedule(delay, stage);
        }
    }

    pub fn disk_fails(&mut self) -> bool {
        self.now < self.full_until || self.stream.chance(self.weather.disk_error)
    }

    /// For some time there is no room on the disk.
    pub fn fill(&mut self) {
        self.meet("full disk");
        let long = 500_000 + self.stream.below(8_000_000);
        self.full_until = Time(self.now.0) + Duration::from_micros(long);
    }

    pub fn write_on(&mut self, life: u64, stage: Writing) {
        if life != self.life || !self.up {
            return;
        }
        let failed = self.disk_fails();
        let fact = match (stage, failed) {
            (Writing::Parameters, false) => {
                self.disk.append();
                let delay = 100 + self.stream.below(self.weather.disk_delay);
                return self.schedule(delay, Happening::Disk(life, Writing::Records));
            }
            (Writing::Records, false) => self.disk.sync(),
            (_, true) => {
                self.meet("disk error");
                self.disk.fail("no space left on device")
            }
        };
        if let Some(fact) = fact {
            self.report(50, fact);
        }
        self.begin_to_write();
    }
}
