//! The numerics of a run at the coordinator: first parameters, the round's sum, the step, the evaluation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use log::Level;

use super::offer::Offer;
use super::rows::{Private, Rows};
use crate::app::coordinator::keeping::keeper::Keeper;
use crate::app::coordinator::parameters::current::Current;
use crate::app::coordinator::parameters::forging::forge;
use crate::app::coordinator::parameters::singles::Singles;
use crate::app::coordinator::parameters::step::{Gathered, New, Step};
use crate::app::coordinator::reporter::Parcel;
use crate::app::held::{Held, PIECE};
use crate::app::logs::About;
use crate::fed::aggregate::{AddError, Addend, ExactSum};
use crate::fed::asynchrony::Asynchrony;
use crate::fed::{Evaluation, Plan, RunId};
use crate::ml::cores::cores;
use crate::ml::data::{Dataset, Root};
use crate::ml::metrics::{Depth, Metrics};
use crate::ml::model::{MODELS, Model};
use crate::spec::SpecError;
use crate::wire::codec::CODECS;
use crate::wire::convert::plan::{AUTO_MODEL, is_private};
use crate::wire::convert::{Initial, UpdateBounds};

/// Below this many values and this much evaluation, the core's own thread does the numerics: handing
/// them to another one would take longer than doing them.
const SMALL_MODEL: usize = 100_000;
/// See [`SMALL_MODEL`]; values times held-out rows, or times updates that are looked at one by one.
const SMALL_WORK: usize = 50_000_000;

/// A sum of no more bytes is kept between rounds; a larger one makes room for the evaluation.
const SPARE_BYTES: usize = 256 << 20;

/// Parameters of a stopped run, to go on with.
#[derive(Default)]
pub struct Kept {
    pub current: Option<Arc<Current>>,
    pub previous: Option<Arc<Current>>,
    /// Older ones, from which shards may still train.
    pub versions: BTreeMap<u32, Arc<Current>>,
}

impl Kept {
    /// Those of a run of a former life of the coordinator, that finished so many rounds.
    pub fn load(keeper: &Keeper, run: &RunId, rounds: u32) -> Result<Kept, String> {
        let (current, versions) = match keeper.load(run).transpose()? {
            Some((current, versions)) => (Some(current), versions),
            None => (None, BTreeMap::new()),
        };
        let found = current.as_ref().map_or(0, |current| current.round);
        if found != rounds {
            return Err(format!(
                "its parameters after round {rounds} cannot be read now, only those after round {found}"
            ));
        }
        Ok(Kept {
            current,
            previous: None,
            versions,
        })
    }
}

/// What the numerics of a run need.
pub struct Materials {
    model: Option<Arc<dyn Model>>,
    held_out: Option<Dataset>,
    plan: Plan,
    /// Shards of the run.
    shards: usize,
    /// Those of them that attack.
    attackers: BTreeSet<u32>,
    /// Who trains when, if rounds are asynchronous.
    course: Option<Asynchrony>,
    /// Shards of the round that do fewer epochs, and how many.
    fewer: BTreeMap<u32, u32>,
    /// What came of the round under way.
    gathered: Option<(u32, Gathered)>,
    /// The sum of a round that is over: its memory serves the next.
    spare: Option<ExactSum>,
}

impl Materials {
    /// Opens the data and makes the first parameters, or goes on from those kept of a stopped run.
    pub fn prepare(
        plan: Plan,
        root: &Root,
        private: Option<Private>,
        initial: Option<Initial>,
        kept: Kept,
    ) -> Result<(Offer, Materials), String> {
        let rows = match &private {
            Some(private) => Rows::private(private)?,
            None => Rows::open(&plan, root)?,
        };
        let model_spec = match (plan.model.as_str(), &private) {
            (_, Some(Private::Known(known))) => known.model.clone(),
            (AUTO_MODEL, _) => rows.auto_model(),
            (model, _) => model.to_owned(),
        };
        let model = match MODELS.build(&model_spec) {
            Ok(model) => Some(model),
            Err(SpecError::UnknownName { .. }) => None,
            Err(error) => return Err(error.to_string()),
        };
        if let Some(model) = &model {
            rows.fit(&**model, &plan)?;
        }
        let mut offer = Offer {
            model_spec,
            classes: model.as_ref().map(|model| model.classes()),
            shards: rows.shards,
            shipped: rows.shipped,
            current: kept.current,
            previous: kept.previous,
            course: None,
            versions: kept.versions,
            bounds: None,
            fewer: BTreeMap::new(),
            attackers: BTreeSet::new(),
            codec: CODECS
                .build(&plan.codec)
                .map_err(|error| error.to_string())?,
            plan,
        };
        if offer.current.is_none() {
            let first = initial.map(|initial| initial.parameters);
            let own = || model.as_ref().map(|model| model.initial(offer.plan.seed));
            if let Some(parameters) = first.or_else(own) {
                offer.replace(Current::of(&parameters, 0)?);
            }
        }
        let held_out = match (rows.held_out, offer.plan.data.standardise.standard()) {
            (Some(rows), Some(standard)) => Some(standard.apply(rows)?),
            (rows, _) => rows,
        };
        offer.attackers = attackers(&offer.plan, offer.shards.len());
        offer.check()?;
        offer.course = offer.plan.course(offer.shards.len());
        let materials = Materials {
            model,
            held_out,
            plan: offer.plan.clone(),
            shards: offer.shards.len(),
            attackers: offer.attackers.clone(),
            course: offer.course.clone(),
            fewer: BTreeMap::new(),
            gathered: None,
            spare: None,
        };
        Ok((offer, materials))
    }

    /// Where the metrics of a run over these rows come from.
    pub fn evaluation(&self, plan: &Plan) -> Evaluation {
        if is_private(&plan.data.spec) || self.model.is_none() {
            Evaluation::Nodes
        } else if self.held_out.is_some() {
            Evaluation::Central
        } else {
            Evaluation::Nowhere
        }
    }

    /// Whether the core's own thread should do the numerics of a model of so many values.
    pub fn is_small(&self, values: usize) -> bool {
        let rows = self.held_out.as_ref().map_or(0, Dataset::rows);
        let looks = rows.max(self.looks());
        values <= SMALL_MODEL && values.saturating_mul(looks) <= SMALL_WORK
    }

    /// How often a step looks at each value.
    fn looks(&self) -> usize {
        let updates = match self.plan.strategy.buffered {
            _ if !self.plan.needs_singles() => return 1,
            Some(how) => how.buffer as usize,
            None => self.plan.cohort_of(1, self.shards).len(),
        };
        match &self.plan.aggregator {
            Some(rule) if rule.compares_pairs() => updates.saturating_mul(updates) / 2,
            _ => updates,
        }
    }

    /// Begins a round with an empty sum.
    pub fn open(&mut self, round: u32, bounds: &UpdateBounds) {
        let gathered = match self.spare.take() {
            _ if self.plan.needs_singles() => Gathered::Singles(Singles::default()),
            Some(spare) => Gathered::Sum(bounds.emptied(spare)),
            None => Gathered::Sum(bounds.empty_sum()),
        };
        self.fewer = self.plan.stragglers_of(round, self.shards);
        self.gathered = Some((round, gathered));
    }

    /// Adds what an attempt brought, which was checked, to the round's sum, or keeps it beside the others.
    pub fn fold(&mut self, round: u32, parcel: Parcel, weight: u64, single: Option<(u32, u64)>) {
        let open = self.gathered.as_mut().filter(|(open, _)| *open == round);
        let sum = match open {
            Some((_, Gathered::Sum(sum))) => sum,
            Some((_, Gathered::Singles(singles))) => {
                if let (Parcel::Update(update), Some((shard, rows))) = (parcel, single) {
                    let epochs = self.plan.training.epochs();
                    let epochs = self.fewer.get(&shard).copied().unwrap_or(epochs);
                    singles.add(shard, rows, self.plan.steps(rows, epochs), update);
                }
                return;
            }
            None => return,
        };
        let added = match &parcel {
            Parcel::Update(update) => add(sum, update, |piece| Addend::update(piece, weight)),
            Parcel::Sum(part) => add(sum, part, |piece| Addend::partial(piece, weight)),
            Parcel::Initial(_) => return,
        };
        if let Err(reason) = added {
            // The step will say that the sum is gone.
            let message = format_args!("an update that was checked cannot be added: {reason}");
            About::default().round(round).log(Level::Error, message);
            self.gathered = None;
        }
    }

    /// Makes the step of the round from these parameters.
    pub fn step(&mut self, old: &Current, round: u32) -> Result<New, String> {
        let Some((open, mut gathered)) = self.gathered.take() else {
            return Err("the round's sum is gone; the coordinator's log says why".to_owned());
        };
        if open != round {
            return Err(format!("the open sum is that of round {open}, not {round}"));
        }
        if let Gathered::Singles(singles) = &mut gathered {
            let dtype = old.layout.dtype();
            forge(singles, &self.plan, &self.attackers, (round, dtype))?;
        }
        if let Some(course) = &mut self.course {
            course.go_to(round);
        }
        let step = Step {
            course: self.course.as_ref(),
            plan: &self.plan,
            old,
            round,
            shards: self.shards,
        };
        let made = step.make(&gathered);
        if let Gathered::Sum(sum) = gathered
            && sum.byte_length() <= SPARE_BYTES
        {
            self.spare = Some(sum);
        }
        made
    }

    /// Evaluates parameters on the held-out rows.
    pub fn evaluate(&self, current: &Current) -> Result<Metrics, String> {
        let (Some(model), Some(rows)) = (&self.model, &self.held_out) else {
            return Err("nothing to evaluate on".to_owned());
        };
        let depth = match current.round >= self.plan.rounds {
            true => Depth::Final,
            false => Depth::Round,
        };
        let found = model.examine(&current.parameters()?, rows, depth, cores());
        found.map_err(|error| error.to_string())
    }

    /// Lets go of all.
    pub fn release(&mut self) {
        self.gathered = None;
        self.spare = None;
        self.held_out = None;
    }
}

/// Adds an update or a partial sum to a sum, piece by piece.
fn add(
    sum: &mut ExactSum,
    brought: &Held,
    as_addend: impl Fn(&[u8]) -> Addend<'_>,
) -> Result<(), String> {
    let weight = as_addend(&[]).weight();
    let reason = |error: AddError| error.to_string();
    sum.admit(weight).map_err(reason)?;
    let value = brought.len() / sum.len().max(1);
    for number in 0..brought.pieces() {
        let piece = brought.piece(number).map_err(|error| error.to_string())?;
        let first = number * PIECE / value;
        sum.add(first, as_addend(&piece), 1).map_err(reason)?;
    }
    Ok(())
}

/// Shards that attack.
fn attackers(plan: &Plan, shards: usize) -> BTreeSet<u32> {
    let shards = u32::try_from(shards).unwrap_or(u32::MAX);
    let attackers = plan
        .assault
        .as_ref()
        .map(|a| a.attackers(plan.seed, shards));
    attackers.unwrap_or_default()
}
