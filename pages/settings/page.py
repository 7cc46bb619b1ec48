"""Settings: status of this machine, number and devices of parallel runs, storage, versions, logs."""

import streamlit as st

from hierapp import paths
from hierapp.execution import logs, scheduler, settings, slots, system_status
from hierapp.utils import devices, disk, extras
from pages.shared import common, queue
from pages.shared.kept import kept

REFRESH_SECONDS = 2.0
LINES = 200
store = common.store()


def machine() -> None:
    """Show one row per device, with bars."""
    watch = st.session_state.setdefault("watch", system_status.Watch())
    for device in watch.devices():
        name, memory, load = st.columns([2, 3, 3], gap="small", vertical_alignment="center")
        name.markdown(f"**{common.escaped(device.name)}**")
        if device.problem:
            name.caption(f":material/error: {common.escaped(device.problem)}")
        if device.memory_used is not None and device.memory_total:
            share = min(device.memory_used / device.memory_total, 1.0)
            words = f"Memory: {disk.in_words(device.memory_used)} of {disk.in_words(device.memory_total)}"
            memory.progress(share, text=words)
        if device.load is not None:
            load.progress(min(device.load, 1.0), text=f"Load: {device.load:.0%}")


def scheduler_state() -> None:
    counts = store.counts()
    waiting, running = counts.get("queued", 0), counts.get("running", 0)
    at_work, trouble = scheduler.is_at_work(store), scheduler.trouble(store)
    if trouble:
        st.badge("not responding", icon=":material/warning:", color="orange")
        st.caption(trouble)
    elif at_work:
        st.badge("running", icon=":material/play_arrow:", color="green")
    else:
        st.badge("not running", icon=":material/pause:", color="gray")
    stopped = " Opening the Runs page starts the scheduler if it has stopped." if waiting and not at_work else ""
    st.caption(f"{running} running, {waiting} waiting.{stopped}")


def scheduler_fields() -> None:
    fixed, now = settings.is_fixed(), settings.chosen(store)
    frozen = fixed or not common.actions().may_steer
    kind = settings.kind_of(now)

    def go_to(wanted: str) -> None:
        common.actions().choose_launcher(settings.LOCAL if wanted == settings.LOCAL else settings.last_ray(store))

    with kept("launcher", kind, go_to) as bound:
        st.segmented_control(
            "Run on",
            [settings.LOCAL, settings.RAY],
            format_func={settings.LOCAL: "This machine", settings.RAY: "Ray cluster"}.__getitem__,
            required=True,
            disabled=frozen,
            help=f"set by {settings.VARIABLE}" if fixed else None,
            wrap=True,
            **bound,
        )
    if kind == settings.RAY:
        address = "" if now == settings.RAY else now
        with kept(
            "ray-address", address, lambda typed: common.actions().choose_launcher(settings.ray_at(typed))
        ) as bound:
            st.text_input(
                "Address of the cluster",
                placeholder="ray://host:10001",
                disabled=frozen,
                help="if empty: the cluster that this machine belongs to, or one that is started on it",
                **bound,
            )
        if not system_status.installed("ray"):
            st.warning(f"Ray is not installed here: `{extras.how_to_install('ray')}`.", icon=":material/package_2:")
    with kept("retries", settings.retries(store), lambda count: common.actions().set_retries(count)) as bound:
        st.number_input(
            "Automatic retries of interrupted runs",
            0,
            settings.MOST_RETRIES,
            disabled=not common.actions().may_steer,
            **bound,
        )


def address_field() -> None:
    st.header("Links")
    fixed = settings.is_address_fixed()
    with kept("public-address", settings.public_address(store), common.actions().set_public_address) as bound:
        st.text_input(
            "Public address of the app",
            placeholder="https://labs.example.org/hierapp",
            disabled=fixed or not common.actions().may_steer,
            help=f"set by {settings.ADDRESS_VARIABLE}"
            if fixed
            else "for links that others can open; if empty, links have the address at which you opened the app",
            **bound,
        )


def slots_section() -> None:
    st.header("Slots")
    queue.slot_fields()
    cores, threads = devices.cores(), slots.threads(store)
    st.caption(
        f"Each run on the CPU gets {threads} {'thread' if threads == 1 else 'threads'} of the {cores}"
        f" {'core' if cores == 1 else 'cores'}."
        + (f" {slots.VARIABLE} sets the number." if any(map(slots.is_fixed, devices.kinds())) else "")
    )


def storage() -> None:
    st.header("Storage")
    stored = system_status.storage(store)
    for title, folder, on in (("Runs", store.folder, stored.home), ("Data sets", paths.data_folder(), stored.data)):
        st.markdown(f"**{title}**: {common.escaped(str(folder))}")
        if on:
            st.progress(1 - on.free / on.total, text=f"{disk.in_words(on.free)} left of {disk.in_words(on.total)}")
    states = ", ".join(f"{count} {state}" for state, count in stored.runs.items())
    st.markdown(f"**Store**: {disk.in_words(stored.store_bytes)}; {states or 'no run yet'}")


def versions() -> None:
    st.header("Versions")
    st.caption("Include these lines when you report a bug.")
    st.code(
        "\n".join(f"{name} {version}" for name, version in system_status.versions().items()),
        language=None,
        wrap_lines=True,
    )


def log_lines(log: logs.Log, words: str) -> None:
    found = logs.tail(log.file, LINES, words)
    if found is None:
        st.caption(f"There is no log yet: {common.escaped(str(log.file))}")
        return
    if not found:
        st.caption("No line contains this text." if words else "The log is empty.")
    else:
        with st.container(height=420, border=False, autoscroll=True, key="log-lines"):
            st.code("\n".join(found), language=None, wrap_lines=True)
    st.download_button(
        "Download the complete log",
        log.file.read_bytes,
        f"hierapp-{log.name}.log",
        "text/plain",
        on_click="ignore",
        icon=":material/download:",
    )


def log_view() -> None:
    st.header("Logs")
    found = {log.name: log for log in logs.known(store)}
    common.one_from_url("log", list(found), "launcher")
    left, right = st.columns(2, gap="medium")
    name = left.selectbox("Log", list(found), format_func=lambda each: found[each].title, key="log")
    words = right.text_input("Search", key="log-search", placeholder="text in a line", icon=":material/search:")
    common.to_url("log", name)
    common.repeated(log_lines, REFRESH_SECONDS)(found[name], words)


st.title("Settings")
st.header("This machine")
common.repeated(machine, REFRESH_SECONDS)()
left, right = st.columns(2, gap="medium")
with left, common.show_errors():
    slots_section()
with right, common.show_errors():
    st.header("Scheduler")
    common.repeated(scheduler_state, REFRESH_SECONDS)()
    scheduler_fields()
left, right = st.columns(2, gap="medium")
with left, common.show_errors():
    storage()
with right:
    with common.show_errors():
        address_field()
    versions()
log_view()
common.glossary()
