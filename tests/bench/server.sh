# shellcheck shell=bash
StopServer() { :; }
