"""Industrial visual inspection that looks twice when the first verdict can't be relied on."""
