"""What tables and plots call things."""

from __future__ import annotations

LABELS = {
    # phases
    "free": "free phase",
    "nudged": "nudged phases",
    "update": "weight update",
    "inference": "inference",
    # kinds of events
    "synaptic_event": "synaptic events",
    "update_active": "neuron updates, active",
    "update_inactive": "neuron updates, inactive",
    "spike": "spikes",
    "message": "messages",
    "message_in": "messages received",
    "hop_east_west": "hops east-west",
    "hop_north_south": "hops north-south",
    "chip_crossing": "chip crossings",
    "signal": "phase signals",
    "readout_message": "read-out messages",
    "readout_event": "synaptic events of errors",
    "weight_update": "weight updates",
    "barrier": "barriers",
    "reset": "resets",
    "clock_cycle": "clock cycles",
    "step": "time steps",
    "mac": "multiply-accumulates",
    "access_8_kib": "accesses to 8 KiB",
    "access_32_kib": "accesses to 32 KiB",
    "access_1_mib": "accesses to 1 MiB",
    "access_dram": "accesses to DRAM",
    "static": "static power",
    # resources of a core
    "units": "units",
    "synapse_memory": "synapse memory",
    "input_axons": "input axons",
    "output_axons": "output axons",
    "fan_in": "fan-in",
    "fan_out": "fan-out",
    # uses of memory
    "weights": "weights",
    "mirrored_weights": "mirrored weights",
    "routing": "routing",
    "biases": "biases",
    "state": "state",
    "learning": "learning",
    # what decides the time
    "core": "busiest core",
    "mesh": "busiest link",
    "idle": "idle time",
    "period": "nominal periods",
}
