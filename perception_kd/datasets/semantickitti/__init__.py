"""SemanticKITTI: conversion of its sequences."""
