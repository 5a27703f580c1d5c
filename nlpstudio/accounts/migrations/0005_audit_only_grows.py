from django.db import migrations

from nlpstudio.accounts import guard


def install(apps, schema_editor):
    guard.install(schema_editor.connection)


def remove(apps, schema_editor):
    guard.remove(schema_editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0004_last_seen_and_sessions"),
    ]

    operations = [
        migrations.RunPython(install, remove),
    ]
