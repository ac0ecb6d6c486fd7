"""Writes events.tfevents with TensorBoard's own record writer and messages (PyPI tensorboard 2.21.0, protobuf 7.36.2)."""

from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

WALL = 1_700_000_000.5


def scalars(step, *values):
    rows = [Summary.Value(tag=tag, simple_value=value) for tag, value in values]
    return Event(wall_time=WALL + step, step=step, summary=Summary(value=rows))


EVENTS = [
    Event(wall_time=WALL, file_version="brain.Event:2"),
    scalars(0, ("loss", 1.25)),
    scalars(300, ("groups/learned", 32.0), ("reward", -0.1)),
    Event(wall_time=WALL + 1, step=25, session_log=SessionLog(status=SessionLog.START)),
    scalars(25, ("loss", 0.0)),
]

with open(Path(__file__).with_name("events.tfevents"), "wb") as file:
    writer = RecordWriter(file)
    for event in EVENTS:
        writer.write(event.SerializeToString())
    writer.flush()
