"""Watching the models: has what they are asked changed, and do their answers still hold?"""
