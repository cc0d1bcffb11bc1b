"""The whole as ASGI apps: `Live` and `EngineIO`, alone, mounted, or around another app."""
