"""LiDAR and BEV networks, and the interface of models that mmengine's runner uses."""
