"""Limits of reading: what a hostile or broken file may cost at most."""

from pydantic import Field

from fathom.core.config import Config

MIB = 2**20


class ReadOptions(Config):
    """Caps of `read_documents`. Beyond a cap what was read is kept and an `InputError` of kind oversized
    tells of it."""

    documents: int | None = Field(default=None, ge=1, description="documents of one call; None is all of them")
    file_bytes: int | None = Field(default=None, ge=1, description="larger files are not opened; None opens any")
    document_bytes: int = Field(
        default=16 * MIB, ge=1024, description="source of one document; the largest wikitext page allowed is 2 MiB"
    )
    whole_file_bytes: int = Field(
        default=512 * MIB, ge=1024, description="PDF and Office files, whose parsers need all of the file at hand"
    )
    unpack_ratio: int = Field(
        default=300, ge=2, description="unpacked over packed bytes; text packs 3 to 20 times, bombs 1000 and more"
    )
    unpack_free_bytes: int = Field(
        default=64 * MIB, ge=0, description="unpacked bytes of one file before its ratio counts"
    )
    zip_members: int = Field(default=20_000, ge=1, description="members of an Office file")
    zip_bytes: int = Field(default=1024 * MIB, ge=1024, description="unpacked bytes of all members of an Office file")
    cluster_bytes: int = Field(
        default=128 * MIB, ge=1024, description="unpacked bytes of one cluster of a ZIM file; Kiwix writes 1 to 4 MiB"
    )
    html_depth: int = Field(
        default=512, ge=16, description="open tags; deeper pages, on which fast parsers are quadratic, lose structure"
    )
    parser_cpu_s: int = Field(default=60, ge=1, description="CPU seconds one document may take in its parser")
    parser_memory_bytes: int = Field(default=2048 * MIB, ge=256 * MIB, description="address space of a parser process")
    parsers: int = Field(default=2, ge=1, description="parser processes; they change the speed, not the result")
    page_url: str = Field(
        default="", description="web address of the one page that is read: its links are resolved against it"
    )
    redirects: int = Field(
        default=5_000_000, ge=0, description="redirects of one file kept in memory as aliases, about 250 bytes each"
    )
