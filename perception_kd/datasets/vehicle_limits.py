"""Limits of vehicles: data beyond them have wrong units, times or transforms."""

MAX_SPEED = 100.0  # m/s
MAX_SENSOR_DISTANCE = 10.0  # m, of a sensor from the vehicle's origin or another sensor
