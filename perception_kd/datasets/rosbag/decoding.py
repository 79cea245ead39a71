"""From the bytes of a message to its values."""

import struct
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from perception_kd.io.errors import BrokenFileError

CLOUD = "sensor_msgs/msg/PointCloud2"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
TF_MESSAGE = "tf2_msgs/msg/TFMessage"
OLD_TF_MESSAGE = "tf/msg/tfMessage"  # the same bytes
ODOMETRY = "nav_msgs/msg/Odometry"

_SECOND_NS = 10**9


class Decoder:
    """Reads messages of ROS 1 or ROS 2 of the types that ROS itself defines.

    Definitions that a bag brings along are not used: those of the types that matter
    here are the same in all releases, and those of other types may be damaged.

    Args:
        is_ros1: Whether the bytes are those of ROS 1.
    """

    def __init__(self, is_ros1: bool) -> None:
        self.is_ros1 = is_ros1
        self._store = make_store(is_ros1)

    def has_header(self, message_type: str) -> bool:
        """Return whether messages of a type are known to begin with a header."""
        fields = self._store.fielddefs.get(message_type, ([], []))[1]
        return bool(fields) and fields[0][1][1] == "std_msgs/msg/Header"

    def knows(self, message_type: str) -> bool:
        """Return whether a type is one of ROS itself."""
        return message_type in self._store.fielddefs

    def decode(self, data: bytes, message_type: str) -> Any:
        """Return a message.

        Args:
            data: Its bytes.
            message_type: Its type, such as ``sensor_msgs/msg/Image``.

        Raises:
            BrokenFileError: If the bytes are not such a message.
        """
        read = self._store.deserialize_ros1 if self.is_ros1 else self._store.deserialize_cdr
        try:
            return read(data, message_type)
        except Exception as error:  # damaged bytes make the library fail in any way
            raise BrokenFileError(f"it is not a {message_type}: {error!r}") from error

    def read_header(self, data: bytes) -> tuple[int, str]:
        """Return stamp in ns and frame of a message that begins with a header.

        The rest of the message is not looked at.

        Raises:
            BrokenFileError: If the bytes end within the header.
        """
        order = "<" if self.is_ros1 or data[1:2] != b"\0" else ">"
        try:
            # ROS 1 has a sequence number, ROS 2 four bytes on the encoding.
            seconds, nanoseconds, length = struct.unpack_from(order + "III", data, 4)
            frame = bytes(data[16 : 16 + length])
            text = frame.rstrip(b"\0").decode()
        except (struct.error, UnicodeDecodeError) as error:
            raise BrokenFileError(f"it has no header: {error}") from error
        if len(frame) != length:
            raise BrokenFileError("it ends within its header")
        return seconds * _SECOND_NS + nanoseconds, clean_frame(text)


def make_store(is_ros1: bool) -> Typestore:
    """Return the types of ROS 1 or ROS 2, with that of transforms."""
    store = get_typestore(Stores.ROS1_NOETIC if is_ros1 else Stores.LATEST)
    if TF_MESSAGE not in store.fielddefs:
        fields = "geometry_msgs/TransformStamped[] transforms"
        store.register(get_types_from_msg(fields, TF_MESSAGE))
    return store


def stamp_ns(stamp: Any) -> int:
    """Return a time of ROS in ns."""
    return int(stamp.sec) * _SECOND_NS + int(stamp.nanosec)


def clean_frame(name: str) -> str:
    """Return the name of a frame without the slash that ROS 1 may put before it."""
    return name.lstrip("/")
