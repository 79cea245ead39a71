"""nuScenes: conversion of its tables and rasterization of its maps."""
