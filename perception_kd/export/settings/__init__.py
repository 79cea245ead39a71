"""Settings with which other stacks build the networks that are exported to them."""

from perception_kd.export.settings.exported import Exported, SettingsFormat
from perception_kd.export.settings.mmdet3d import describe_for_mmdet3d
from perception_kd.export.settings.openpcdet import describe_for_openpcdet
from perception_kd.export.settings.pointcept import describe_for_pointcept

# By the name of the stack; mit-han-lab's BEVFusion builds no network from one file.
SETTINGS_FORMATS: dict[str, SettingsFormat] = {
    "mmdet3d": SettingsFormat(".py", describe_for_mmdet3d),
    "openpcdet": SettingsFormat(".yaml", describe_for_openpcdet),
    "pointcept": SettingsFormat(".py", describe_for_pointcept),
}

__all__ = ["SETTINGS_FORMATS", "Exported", "SettingsFormat"]
