"""Who judges: the detector gives verdicts, RA-Monitor says whether they can be relied on."""
