"""A version that was amended goes with the whole data set, which a protected one would not."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('datasets', '0003_amends'),
    ]

    operations = [
        migrations.AlterField(
            model_name='datasetversion',
            name='amends',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='amended_by', to='datasets.datasetversion'),
        ),
    ]
