//! The demo: [`DAYS`] days of a school in less than a minute, with the real bridge as a child process and
//! simulated people and platforms. It never connects beyond loopback and ends by itself. Enter at [`run`].

mod child;
pub mod expect;
mod facts;
mod forms;
pub mod inside;
mod kills;
mod lines;
mod names;
mod operator;
pub mod outcome;
pub mod player;
pub mod redis;
mod report;
mod scene;
pub mod school;
pub mod scripts;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use self::child::{Child, Plan};
use self::facts::Wanted;
use self::kills::{Fates, Handle, KillableCarrier, Mortal};
use self::lines::Teller;
use self::names::Names;
use self::operator::Operator;
use self::outcome::DemoOutcome;
use self::player::{DrivenNow, Player};
use self::redis::{Fsync, Redis};
use self::school::{Addresses, RunIdentity};
use self::scripts::Material;
use crate::clock::stopwatch;
use crate::interrupt;
use crate::out::{self, Stop};
use crate::process::SchoolId;
use crate::sandbox::World;
use crate::sandbox::serve::{Ports, Sender, Stand, stand};
use crate::secret::Secret;
use crate::store::Backend;

/// Length of the simulated time, days.
pub const DAYS: i64 = 16;
/// A platform waits this long for an answer to a webhook, real time.
const HOOK_WAIT: Duration = Duration::from_secs(5);

/// `dozvon demo`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Writes the facts of the run into this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes what the run has come to, without its times, into this file: to be compared.
    #[arg(long, value_name = "FILE", hide = true)]
    outcome: Option<PathBuf>,
    /// Keep everything in this Redis instead of a fresh folder: `redis://host:6379/0`.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Continue serving afterwards, in real time, and print the addresses.
    #[arg(long)]
    stay: bool,
    /// Another variant of the same days: delays and failing answers differ.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Kill the bridge this many times, mostly while it is sending something, and start it again.
    #[arg(long, default_value_t = 0, value_name = "N")]
    kills: usize,
    /// Keep everything in a Redis of the demo's own, and kill that too: once for four kills of the bridge.
    #[arg(long, conflicts_with = "store")]
    kill_redis: bool,
    /// Fewer days than the whole run, for a quick look.
    #[arg(long, hide = true)]
    days: Option<i64>,
}

/// Plays the whole run. The error is for a person: why it could not be played, or which expectation failed.
pub async fn run(mut options: Options) -> Result<(), Stop> {
    // A result that cannot be written is no reason to play first.
    options.json.iter().chain(&options.outcome).try_for_each(|file| out::writable(file))?;
    let identity = RunIdentity::fresh()?;
    let redis = own_redis(&mut options, &identity).await?;
    let stays = AtomicBool::new(false);
    let done = tokio::select! {
        biased;
        // The bridge ends with the run that holds it.
        () = interrupt::told() => Err(Stop::Told),
        done = run_on(&identity, &options, redis.clone(), &stays) => done,
    };
    // However the run ended, its Redis ends first, before the folder may be removed.
    if let Some(redis) = redis {
        redis.lock().await.kill().await;
    }
    let is_interrupted = done == Err(Stop::Told);
    if is_interrupted || matches!(done, Ok(()) | Err(Stop::Unread)) {
        // The files of a successful run are not needed.
        let _ = std::fs::remove_dir_all(&identity.folder);
    }
    match is_interrupted {
        // That is how a run that stays is meant to end.
        true if stays.into_inner() => Ok(()),
        true => Err("Прервано, папка прогона удалена.".into()),
        false => done,
    }
}

async fn run_on(
    identity: &RunIdentity,
    options: &Options,
    redis: Option<Arc<tokio::sync::Mutex<Redis>>>,
    stays: &AtomicBool,
) -> Result<(), Stop> {
    let material = Material::load(&|platform| identity.hooks(platform)).map_err(|slip| slip.to_string())?;
    let start = material.setup.start.with_timezone(&Utc);
    let end = start + TimeDelta::days(options.days.unwrap_or(DAYS));
    let now = DrivenNow::starting_at(start);
    let world = Arc::new(Mutex::new(World::new(material.setup.clone(), options.seed)));
    let clock = now.clone();
    let stand = stand(world.clone(), Arc::new(move || clock.get()), Ports::default());
    let stand = stand.await.map_err(|error| error.to_string())?;
    identity.write(&addresses(&stand))?;
    let plan = plan(identity, &material, options)?;
    out::line(format_args!(
        "Программа: http://127.0.0.1:{}, папка: {}",
        identity.port,
        identity.folder.display()
    ))?;
    out::line(format_args!(
        "Заказов: {}. Время ведёт проигрыватель, {}.\n",
        material.scripts.len(),
        span(start, end, &material)
    ))?;

    let began = stopwatch();
    let sender = Sender::new(HOOK_WAIT).map_err(|error| error.to_string())?;
    let child = Child::start(&plan, start).await?;
    let redis_kills = if options.kill_redis { (options.kills / 4).max(1) } else { 0 };
    let fates = Fates { kills: options.kills, redis_kills, seed: options.seed, end };
    let operator = Operator::new(backend(options, identity), &identity.school, stand.shared());
    let mortal = Mortal::new((plan.clone(), child), redis, operator, now.clone(), fates);
    stand.shared().guard(Arc::new(Handle(mortal.clone())));
    let road = KillableCarrier { carrier: sender, mortal: mortal.clone() };
    let mut player = Player::new(stand.shared(), now.clone(), road);
    let mut teller = Teller::new(Names::of(&material.setup), &material.scripts);
    let handle = Handle(mortal.clone());
    let mut printed = Ok(());
    let played = player.play(&handle, end, |world, now| {
        for line in teller.look(world, now) {
            printed = printed.clone().and_then(|()| out::line(line));
        }
    });
    let played = played.await;
    let stopped = mortal.stop().await;
    printed?;
    played.map_err(|stuck| format!("{stuck}; the bridge's log: {}", plan.log.display()))?;
    stopped?;
    let deeds = Wanted { fates, deeds: mortal.deeds() };
    let well = tell(options, identity, &material, &world, (&player, deeds), end).await?;
    let seconds = began.elapsed().as_secs_f64();
    out::line(format_args!("Время прогона: {seconds:.1} с, шагов времени: {}.", player.moves))?;
    if options.stay {
        stays.store(true, Ordering::SeqCst);
        stay(&plan, &mut player, &stand).await?;
    }
    stand.stop().await;
    match well {
        true => Ok(()),
        false => {
            Err(format!("Не всё сошлось. Папка прогона с журналом программы: {}", identity.folder.display())
                .into())
        }
    }
}

/// Starts a Redis to be killed; it becomes the run's store.
async fn own_redis(
    options: &mut Options,
    identity: &RunIdentity,
) -> Result<Option<Arc<tokio::sync::Mutex<Redis>>>, String> {
    if !options.kill_redis {
        return Ok(None);
    }
    let redis = Redis::start(school::free_port()?, identity.folder.join("redis"), Fsync::Always).await?;
    options.store = Some(redis.url());
    Ok(Some(Arc::new(tokio::sync::Mutex::new(redis))))
}

fn backend(options: &Options, identity: &RunIdentity) -> Backend {
    match &options.store {
        Some(url) => Backend::Redis(Secret::new(url.clone())),
        None => Backend::Folder(identity.data()),
    }
}

fn addresses(stand: &Stand) -> Addresses {
    Addresses {
        amocrm: format!("http://{}", stand.amocrm),
        getcourse: format!("http://{}", stand.getcourse),
        lines: stand.lines.iter().map(|(line, at)| (line.name(), format!("http://{at}"))).collect(),
        smtp_port: stand.smtp.port(),
    }
}

fn plan(identity: &RunIdentity, material: &Material, options: &Options) -> Result<Plan, String> {
    Ok(Plan {
        program: std::env::current_exe().map_err(|error| error.to_string())?,
        config: identity.config(),
        port: identity.port,
        data: identity.data(),
        store: options.store.clone(),
        environment: identity.environment(&material.setup),
        token: identity.token.clone(),
        log: identity.log(),
    })
}

fn span(from: DateTime<Utc>, to: DateTime<Utc>, material: &Material) -> String {
    let zone = material.setup.zone;
    format!("{} — {}", lines::day_time(from, zone), lines::day_time(to, zone))
}

/// Counts, prints and writes the facts; returns whether the run was faultless.
async fn tell(
    options: &Options,
    identity: &RunIdentity,
    material: &Material,
    world: &Mutex<World>,
    (player, deeds): (&Player<KillableCarrier<Sender>>, Wanted),
    end: DateTime<Utc>,
) -> Result<bool, Stop> {
    let store = backend(options, identity).open().await.map_err(|error| error.to_string())?;
    let world = world.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let run = facts::Run {
        store: &*store,
        school: SchoolId(identity.school.clone()),
        world: &world,
        material,
        taken: &player.taken,
        repairs: player.repairs + deeds.deeds.repairs,
        deeds,
        end,
    };
    let (facts, rows) = facts::count(&run).await.map_err(|error| error.to_string())?;
    out::line(format_args!("\n{}\n{}", report::table(&rows), report::summary(&facts)))?;
    if !facts.well() {
        // To find the cause, a person needs the content of the stand-ins.
        let view = identity.folder.join("sandbox.json");
        std::fs::write(&view, world.view().to_string())
            .map_err(|error| format!("{}: {error}", view.display()))?;
    }
    if let Some(file) = &options.json {
        std::fs::write(file, report::json(&facts)).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if let Some(file) = &options.outcome {
        let outcome = DemoOutcome::of(&*store, run.school.clone(), &world, material, end).await;
        let outcome = outcome.map_err(|error| error.to_string())?;
        std::fs::write(file, outcome.json()).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(facts.well())
}

/// Starts the bridge again, in real time from where the run ended, until it is interrupted.
async fn stay(plan: &Plan, player: &mut Player<KillableCarrier<Sender>>, stand: &Stand) -> Result<(), Stop> {
    let child = Child::start(plan, player.now.get()).await?;
    out::line("\nВсё работает дальше в настоящем времени, Ctrl-C останавливает:")?;
    out::line(format_args!("  программа {}, состояние {}/health", child.address, child.operation))?;
    for (name, address) in stand.addresses() {
        out::line(format_args!("  {name} {address}"))?;
    }
    out::line("Попробуйте в другом окне: заявка, звонок без ответа (одинаково дважды), оплата:")?;
    let exchange = stand.lines.first().map_or_else(String::new, |(_, address)| format!("http://{address}"));
    let getcourse = format!("http://{}", stand.getcourse);
    for line in stand.shared().with(|world, _| world.hints(&getcourse, &exchange)) {
        out::line(format_args!("  {line}"))?;
    }
    out::line(
        "Письма и карточки показывает GET /sandbox любого адреса; dead в /health — действия, которые по сценарию этих дней выполнить нельзя.",
    )?;
    let stuck = player.follow(&child).await;
    child.stop().await?;
    Err(stuck.to_string().into())
}
