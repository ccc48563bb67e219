"""Prints what TensorBoard reads in a directory: {tag: [[step, wall time, value], ...]} as JSON.

    tensorboard_reader.py DIRECTORY
"""

import json
import sys

from tensorboard.backend.event_processing import event_accumulator

accumulator = event_accumulator.EventAccumulator(sys.argv[1], size_guidance={event_accumulator.SCALARS: 0})
accumulator.Reload()
json.dump({tag: [[event.step, event.wall_time, event.value] for event in accumulator.Scalars(tag)]
           for tag in accumulator.Tags()["scalars"]}, sys.stdout)
