"""Tables of a database that an older switch may have made."""

import sqlalchemy as sa


def bring_up_to_date(connection: sa.Connection, table: sa.Table) -> None:
    """Make a table, or add the columns that a database of an older switch does not have."""
    table.create(connection, checkfirst=True)
    there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    quote = connection.dialect.identifier_preparer.quote
    for column in table.columns:
        if column.name not in there:
            kind = column.type.compile(connection.dialect)
            connection.execute(sa.text(f"ALTER TABLE {quote(table.name)} ADD COLUMN {quote(column.name)} {kind}"))
